//! What is signed (specifications, signature-specification.md, "Payload").

use serde_json::{Value, json};

use super::super::scene::{Expect, Kit, digest_of, integrity};

pub fn add(kit: &mut Kit) {
    const OTHER: &str = "not this image";
    kit.x509("payload_other_digest", "another image", integrity(OTHER), |s| s.image.1 = digest_of("another"));
    kit.x509("payload_other_size", "the digest alone does not make it the image", integrity(OTHER), |s| s.image.2 = 6);
    kit.x509("payload_other_media_type", "nor do digest and size", integrity(OTHER), |s| {
        s.image.0 = "application/vnd.oci.image.index.v1+json";
    });
    type Change = fn(&mut Value);
    let changes: [(&str, &str, Expect, Change); 19] = [
        ("annotations_null", "Go writes an empty map so", Expect::Verified, |p| {
            p["targetArtifact"]["annotations"] = Value::Null
        }),
        ("platform", "a descriptor's other members say nothing here", Expect::Verified, |p| {
            p["targetArtifact"]["platform"] = json!({ "os": "linux", "architecture": "amd64" });
        }),
        ("added_member", "a member that no descriptor has", integrity("unknown attributes were added"), |p| {
            p["targetArtifact"]["extra"] = 1.into();
        }),
        ("added_beside", "a member beside the descriptor", integrity("unknown attributes were added"), |p| {
            p["extra"] = 1.into()
        }),
        ("no_target", "nothing is signed", integrity("no `targetArtifact`"), |p| *p = json!({})),
        ("target_text", "the descriptor is an object", integrity("is not an object"), |p| {
            p["targetArtifact"] = "x".into()
        }),
        ("target_list", "not several", integrity("is not an object"), |p| {
            p["targetArtifact"] = json!([p["targetArtifact"]])
        }),
        ("other_name", "names are compared letter by letter", integrity("no `targetArtifact`"), |p| {
            let target = p["targetArtifact"].take();
            *p = json!({ "TargetArtifact": target });
        }),
        ("no_digest", "the digest is missing", integrity("missing field `digest`"), |p| {
            p["targetArtifact"].as_object_mut().expect("an object").shift_remove("digest");
        }),
        ("no_size", "the size is missing", integrity("missing field `size`"), |p| {
            p["targetArtifact"].as_object_mut().expect("an object").shift_remove("size");
        }),
        ("no_media_type", "the media type is missing", integrity("missing field `mediaType`"), |p| {
            p["targetArtifact"].as_object_mut().expect("an object").shift_remove("mediaType");
        }),
        ("size_text", "a size is a number", integrity("invalid type"), |p| p["targetArtifact"]["size"] = "5".into()),
        ("size_fraction", "a whole one", integrity("invalid type"), |p| p["targetArtifact"]["size"] = json!(5.5)),
        ("size_negative", "that is not negative", integrity("invalid value"), |p| {
            p["targetArtifact"]["size"] = json!(-5)
        }),
        ("digest_shouted", "hexadecimal is written small", integrity("payload cannot be read"), |p| {
            let digest = p["targetArtifact"]["digest"].as_str().expect("a text").to_uppercase().replace("SHA", "sha");
            p["targetArtifact"]["digest"] = digest.into();
        }),
        ("digest_short", "a digest has its whole length", integrity("payload cannot be read"), |p| {
            let digest = p["targetArtifact"]["digest"].as_str().expect("a text");
            p["targetArtifact"]["digest"] = digest[..digest.len() - 2].into();
        }),
        ("digest_path", "a digest is no path", integrity("payload cannot be read"), |p| {
            p["targetArtifact"]["digest"] = "sha256:../../etc/passwd".into();
        }),
        ("annotation_number", "an annotation is a text", integrity("invalid type"), |p| {
            p["targetArtifact"]["annotations"]["team"] = 1.into();
        }),
        ("annotations_list", "annotations are a map", integrity("invalid type"), |p| {
            p["targetArtifact"]["annotations"] = json!(["team=blue"]);
        }),
    ];
    for (name, why, expect, change) in changes {
        kit.x509(&format!("payload_{name}"), why, expect, |s| s.draft.payload_json(change));
    }
    type Edit = fn(String) -> String;
    let edits: [(&str, &str, Expect, Edit); 9] = [
        ("blanks", "JSON may have white space", Expect::Verified, |text| {
            text.replace(':', " :\n\t").replace("sha256 :\n\t", "sha256:")
        }),
        ("escapes", "a name may be written with escapes", Expect::Verified, |text| {
            text.replace("targetArtifact", "target\\u0041rtifact")
        }),
        ("repeated_digest", "readers differ in which they believe", integrity("`digest` is there twice"), |text| {
            text.replacen("\"digest\"", &format!("\"digest\":\"{}\",\"digest\"", digest_of("another")), 1)
        }),
        ("repeated_escaped", "the same, the first with an escape", integrity("`size` is there twice"), |text| {
            text.replacen("\"size\"", "\"\\u0073ize\":6,\"size\"", 1)
        }),
        ("repeated_target", "two targets", integrity("`targetArtifact` is there twice"), |text| {
            text.replacen('{', "{\"targetArtifact\":{},", 1)
        }),
        ("repeated_annotation", "two values of an annotation", integrity("`team` is there twice"), |text| {
            text.replacen("\"team\"", "\"team\":\"red\",\"team\"", 1)
        }),
        ("trailing", "something after the JSON", integrity("payload cannot be read"), |text| text + "{}"),
        ("cut_short", "half of the JSON", integrity("payload cannot be read"), |text| text[..text.len() / 2].into()),
        ("byte_order_mark", "JSON has none (RFC 8259, 8.1)", integrity("payload cannot be read"), |text| {
            format!("\u{feff}{text}")
        }),
    ];
    for (name, why, expect, edit) in edits {
        kit.x509(&format!("payload_{name}"), why, expect, |s| {
            s.draft.payload = edit(String::from_utf8(s.draft.payload.clone()).expect("JSON is UTF-8")).into_bytes();
        });
    }
    kit.x509("payload_empty", "no payload", integrity("its payload is empty"), |s| s.draft.payload.clear());
    kit.x509("payload_binary", "bytes that are no text", integrity("payload cannot be read"), |s| {
        s.draft.payload = vec![0xff, 0xfe, 0x00];
    });
    kit.x509("payload_deep", "lists in lists, to let a reader's stack run over", integrity("recursion limit"), |s| {
        s.draft.payload = [vec![b'['; 5000], vec![b']'; 5000]].concat();
    });
    for (name, why, value) in [
        ("other_type", "another content type", "application/json"),
        ("next_version", "a version that does not exist yet", "application/vnd.cncf.notary.payload.v2+json"),
        ("parameter", "a content type is compared whole", "application/vnd.cncf.notary.payload.v1+json; x=y"),
    ] {
        kit.x509(&format!("payload_cty_{name}"), why, integrity("the payload is `"), |s| s.draft.set("cty", value));
    }
}
