//! Whether this machine is an EC2 instance, found without the network.
//!
//! Off EC2 the metadata address leads nowhere, and asking it costs seconds a `get`.

use std::path::Path;

use crate::private_fs;

/// Whether this machine is an instance. `None` where it does not say what it is (a Linux without
/// firmware tables): the metadata service is then asked once, and its bound is short.
pub fn is_ec2() -> Option<bool> {
    if cfg!(target_os = "linux") {
        firmware_says(Path::new("/sys"))
    } else {
        Some(AGENTS.iter().any(|path| Path::new(path).exists()))
    }
}

/// What AWS's own images of other systems carry: the launch agents of Windows and of macOS (EC2 user
/// guide, "EC2 Windows launch agents", "Amazon EC2 Mac instances"). Their firmware is not a file.
const AGENTS: &[&str] = if cfg!(windows) {
    &[r"C:\ProgramData\Amazon\EC2Launch", r"C:\ProgramData\Amazon\EC2-Windows", r"C:\Program Files\Amazon\EC2Launch"]
} else {
    &["/usr/local/aws/ec2-macos-init", "/usr/local/libexec/ec2-macos-init"]
};

/// What the firmware of a Linux says: vendor, the instance's id as asset tag, and the machine's UUID,
/// which begins with `ec2`, on Xen also with its first group byte by byte from the end. `None` where
/// there are no tables to read.
///
/// Source: EC2 user guide, "Determine whether your instance is an EC2 instance".
fn firmware_says(sys: &Path) -> Option<bool> {
    let read = |path: &str| private_fs::read_to_string(&sys.join(path), 4096).ok();
    let text = |path: &str| read(path).unwrap_or_default().trim().to_ascii_lowercase();
    let uuid_is_ec2 = |uuid: &str| {
        let swapped = uuid.get(6..8).zip(uuid.get(4..6)).map(|(first, second)| format!("{first}{second}"));
        uuid.starts_with("ec2") || swapped.is_some_and(|swapped| swapped.starts_with("ec2"))
    };
    let says = text("class/dmi/id/sys_vendor").starts_with("amazon ec2")
        || text("class/dmi/id/board_asset_tag").starts_with("i-")
        || ["class/dmi/id/product_uuid", "hypervisor/uuid"].iter().any(|path| uuid_is_ec2(&text(path)));
    let silent = !sys.join("class/dmi/id").exists() && !sys.join("hypervisor/uuid").exists();
    (says || !silent).then_some(says)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn f6_8_an_instance_is_known_by_any_of_its_marks() {
        for (file, text, expected, why) in [
            ("class/dmi/id/sys_vendor", "Amazon EC2\n", Some(true), "the vendor"),
            ("class/dmi/id/sys_vendor", "LENOVO\n", Some(false), "a laptop"),
            ("class/dmi/id/board_asset_tag", "i-0123456789abcdef0\n", Some(true), "the asset tag alone"),
            ("class/dmi/id/board_asset_tag", "Not Available\n", Some(false), "a laptop's"),
            ("class/dmi/id/product_uuid", "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n", Some(true), "the UUID"),
            ("class/dmi/id/product_uuid", "45E12AEC-DCD1-B213-94ED-012345ABCDEF\n", Some(true), "little-endian"),
            ("hypervisor/uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n", Some(true), "Xen's"),
            ("hypervisor/uuid", "45e12aec-dcd1-b213-94ed-012345abcdef\n", Some(true), "Xen's, little-endian"),
            ("hypervisor/uuid", "00000000-0000-0000-0000-000000000000\n", Some(false), "another Xen"),
            ("class/net/eth0", "", None, "no tables: nobody can say"),
        ] {
            let sys = tempfile::tempdir().unwrap();
            fs::create_dir_all(sys.path().join(file).parent().unwrap()).unwrap();
            fs::write(sys.path().join(file), text).unwrap();
            assert_eq!(firmware_says(sys.path()), expected, "{why}");
        }
    }
}
