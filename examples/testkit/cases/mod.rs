//! The cases, a file a subject. Their names begin with it.

mod algorithms;
mod aws;
mod base64;
mod certificates;
mod cose;
mod identities;
mod jws;
mod levels;
mod payloads;
mod plugins;
mod policies;
mod times;
mod trust;

use super::scene::Kit;

pub fn all() -> Kit {
    let mut kit = Kit::default();
    levels::add(&mut kit);
    policies::add(&mut kit);
    trust::add(&mut kit);
    identities::add(&mut kit);
    times::add(&mut kit);
    aws::add(&mut kit);
    plugins::add(&mut kit);
    payloads::add(&mut kit);
    jws::add(&mut kit);
    algorithms::add(&mut kit);
    certificates::add(&mut kit);
    cose::add(&mut kit);
    kit
}
