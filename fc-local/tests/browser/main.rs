//! The console's page in a real browser: Debian's chromium, led by its chromedriver.

mod console;
mod driver;
mod page;
