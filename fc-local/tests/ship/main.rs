//! From source to what is deployed, with the commands an author types: the static binary, the code package,
//! the image, the templates, a new project. What is made is run as it is deployed.
#![cfg(target_os = "linux")]

mod harness;

mod binary;
mod image;
mod jail;
mod new;
mod package;
