//! Files in which build tools leave what they pushed. Pure.

use serde_json::Value;

use crate::{digest::Digest, oci::Reference, report::Report};

/// Reads the images of a digest file: buildx's and bake's `--metadata-file`, lines of
/// `REPOSITORY@DIGEST` (ko, kaniko), or a digest alone, which belongs to the one image that was named.
///
/// `named` are the images of the command line; the answer is what to sign in their place.
pub fn apply(file: &str, contents: &str, named: &[Reference]) -> Result<Vec<Reference>, Report> {
    let bad = |why: &str| {
        Report::new(format!("{file} does not say which image to sign: {why}")).hint(
            "give the --metadata-file of `docker buildx build --push`, a file of REPOSITORY@DIGEST lines, or a digest \
             together with IMAGE",
        )
    };
    if contents.trim_start().starts_with('{') {
        let metadata: Value = serde_json::from_str(contents).map_err(|err| bad("it is not JSON").cause(err))?;
        // buildx writes one build's members, bake one object for each target.
        let builds: Vec<&Value> = match metadata.get(DIGEST) {
            Some(_) => vec![&metadata],
            None => metadata.as_object().into_iter().flatten().map(|(_, build)| build).collect(),
        };
        let mut images = Vec::new();
        for build in builds.iter().filter(|build| build.get(DIGEST).is_some()) {
            let digest = build[DIGEST].as_str().ok_or_else(|| bad("the digest is not a text"))?;
            let digest = Digest::parse(digest).map_err(|err| bad("the digest cannot be read").cause(err.full()))?;
            match build.get(NAME).and_then(Value::as_str).filter(|_| named.is_empty() || builds.len() > 1) {
                Some(names) => {
                    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                        images.push(Reference { digest: Some(digest.clone()), ..Reference::parse(name)? });
                    }
                }
                None => images.extend(at(named, &digest)),
            }
        }
        return if images.is_empty() { Err(bad("no build in it was pushed")) } else { Ok(images) };
    }
    let mut images = Vec::new();
    for line in contents.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match Digest::parse(line) {
            Ok(digest) if named.len() == 1 => images.extend(at(named, &digest)),
            Ok(_) => return Err(bad("a digest alone needs exactly one IMAGE")),
            Err(_) => {
                let image = Reference::parse(line).map_err(|err| bad("a line is no image").cause(err.full()))?;
                if image.digest.is_none() {
                    return Err(bad(&format!("`{line}` has no digest")));
                }
                images.push(image);
            }
        }
    }
    if images.is_empty() { Err(bad("it is empty")) } else { Ok(images) }
}

/// Members of buildx's metadata (docker/buildx, `docs/reference/buildx_build.md`).
const DIGEST: &str = "containerimage.digest";
const NAME: &str = "image.name";

fn at(named: &[Reference], digest: &Digest) -> Vec<Reference> {
    named.iter().map(|image| Reference { digest: Some(digest.clone()), ..image.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_build_tools() {
        let digest = Digest::of(b"image");
        let named = |text: &str| Reference::parse(text).unwrap();
        let buildx = format!(r#"{{"containerimage.digest":"{digest}","image.name":"h.x/app:v1,h.y/app:v1"}}"#);
        let bake = format!(
            r#"{{"web":{{"containerimage.digest":"{digest}","image.name":"h.x/web"}},"buildx.build.warnings":[],"db":{{"containerimage.digest":"{digest}","image.name":"h.x/db"}}}}"#
        );
        for (contents, images, expected, why) in [
            (buildx.clone(), vec![], vec!["h.x/app:v1", "h.y/app:v1"], "buildx names the images"),
            (buildx, vec!["h.z/app"], vec!["h.z/app:latest"], "the command line wins"),
            (bake, vec![], vec!["h.x/web:latest", "h.x/db:latest"], "bake has several targets"),
            (format!("{digest}\n"), vec!["h.x/app:v1"], vec!["h.x/app:v1"], "kaniko's --digest-file"),
            (format!("h.x/a@{digest}\nh.x/b@{digest}\n"), vec![], vec!["h.x/a", "h.x/b"], "ko's --image-refs"),
        ] {
            let images: Vec<Reference> = images.into_iter().map(named).collect();
            let found = apply("f", &contents, &images).unwrap_or_else(|err| panic!("{why}: {}", err.full()));
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let expected: Vec<String> = expected.iter().map(|name| format!("{name}@{digest}")).collect();
            assert_eq!(found, expected, "{why}");
        }
        for (contents, images, expected) in [
            ("", vec![], "it is empty"),
            ("{}", vec![], "no build in it was pushed"),
            ("{", vec![], "it is not JSON"),
            (r#"{"containerimage.digest":1}"#, vec![], "not a text"),
            (r#"{"containerimage.digest":"x"}"#, vec![], "cannot be read"),
            (digest.as_str(), vec![], "exactly one IMAGE"),
            (digest.as_str(), vec!["h.x/a", "h.x/b"], "exactly one IMAGE"),
            ("h.x/app:v1", vec![], "has no digest"),
            ("not an image!", vec![], "a line is no image"),
        ] {
            let images: Vec<Reference> = images.into_iter().map(named).collect();
            let err = apply("f", contents, &images).unwrap_err();
            assert!(err.what().contains(expected), "{contents}: {err}");
        }
    }
}
