//! What triggers send, as types: the samples that fc-local prints, whole, changed and broken.

mod damage;
mod hostile;
mod samples;
mod table;
