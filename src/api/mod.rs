//! What an author writes against: the trait, what it is given and what it returns, options and errors. Data alone: no
//! sockets and no threads.

pub mod config;
pub mod context;
pub mod error;
pub mod function;
pub mod request;
pub mod response;
pub mod testing;
