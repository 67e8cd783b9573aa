//! Whether this machine is an EC2 instance, found without the network.
//!
//! Off EC2 the metadata address leads nowhere, and asking it costs seconds a `get`.

use std::path::Path;

use crate::private_fs;

/// Whether the machine says that it is EC2: its firmware on Linux. On other systems there is no such
/// file, so the answer is yes and the metadata service is asked once, bounded.
///
/// Source: EC2 user guide, "Identify EC2 instances" (vendor and the `ec2` prefix of the UUID).
pub fn is_ec2() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let begins = |path: &str, prefix: &str| {
        private_fs::read_to_string(Path::new(path), 4096)
            .is_ok_and(|text| text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix)))
    };
    begins("/sys/class/dmi/id/sys_vendor", "Amazon EC2")
        || begins("/sys/class/dmi/id/product_uuid", "ec2")
        || begins("/sys/hypervisor/uuid", "ec2")
}
