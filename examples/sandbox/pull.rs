//! A client in the place of docker: it reads `config.json`, asks the helper that is named there, and pulls.
//!
//! `pull IMAGE`, or `pull --at-once NUMBER IMAGE`, which starts the helper so many times at the same moment, as
//! `docker compose pull` does for its services.

use std::{
    env, fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::support::{client::ask_through, registry::digest};

/// The name that this client is started under.
pub(crate) const NAME: &str = "pull";

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let pulled = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [image] => pull(image),
        ["--at-once", number, image] => {
            number.parse().map_or_else(|_| Err(format!("{number} is no number")), |number| pull_at_once(number, image))
        }
        _ => Err("usage: pull [--at-once NUMBER] IMAGE".into()),
    };
    match pulled {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("{NAME}: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn pull_at_once(number: usize, image: &str) -> Result<String, String> {
    thread::scope(|scope| {
        let pulls: Vec<_> = (0..number).map(|_| scope.spawn(|| pull(image))).collect();
        for pulled in pulls {
            pulled.join().unwrap_or_else(|_| Err("a pull ended early".into()))?;
        }
        Ok(format!("pulled {number} times"))
    })
}

/// Pulls an image, compares every byte with its digest, and says what it got.
fn pull(image: &str) -> Result<String, String> {
    let usage = || format!("{image} is not of the form HOST/NAME:TAG");
    let (host, name) = image.split_once('/').ok_or_else(usage)?;
    let (repository, tag) = name.split_once(':').ok_or_else(usage)?;
    let login = login(host)?;
    let get = |path: &str| -> Result<Vec<u8>, String> {
        let line = format!("GET /v2/{repository}/{path}");
        let answer = ask_through(
            (proxy()?, Path::new(&variable("SSL_CERT_FILE")?)),
            host,
            &line,
            &[("Authorization", &login)],
            b"",
        );
        match answer {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => Err(format!("{host} answered {}: {}", answer.status, answer.text())),
            Err(err) => Err(format!("cannot reach {host}: {err}")),
        }
    };
    let manifest = get(&format!("manifests/{tag}"))?;
    let parsed: Value = serde_json::from_slice(&manifest).map_err(|err| format!("the manifest of {image}: {err}"))?;
    for layer in parsed["layers"].as_array().into_iter().flatten() {
        let named = layer["digest"].as_str().unwrap_or_default();
        if digest(&get(&format!("blobs/{named}"))?) != named {
            return Err(format!("{named} has other bytes than its digest says"));
        }
    }
    Ok(format!("pulled {}", digest(&manifest)))
}

/// What the helper of `config.json` answers for a host, as an `Authorization` header.
fn login(host: &str) -> Result<String, String> {
    let path = PathBuf::from(variable("HOME")?).join(".docker/config.json");
    let text = fs::read(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let config: Value = serde_json::from_slice(&text).map_err(|err| format!("{}: {err}", path.display()))?;
    let helper = config["credHelpers"][host].as_str().or(config["credsStore"].as_str());
    let helper = helper.ok_or_else(|| format!("no basic auth credentials: {} names no helper", path.display()))?;
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|err| format!("cannot start docker-credential-{helper}: {err}"))?;
    let asked = child.stdin.take().map(|mut stdin| stdin.write_all(host.as_bytes()));
    let output = child.wait_with_output().map_err(|err| err.to_string())?;
    let answer = String::from_utf8_lossy(&output.stdout);
    match (asked, serde_json::from_str::<Value>(&answer)) {
        (Some(Ok(())), Ok(answer)) if output.status.success() => {
            let part = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
            Ok(format!("Basic {}", STANDARD.encode(format!("{}:{}", part("Username"), part("Secret")))))
        }
        _ => Err(format!("error getting credentials: {}", answer.trim())),
    }
}

fn proxy() -> Result<SocketAddr, String> {
    let proxy = variable("HTTPS_PROXY")?;
    proxy.trim_start_matches("http://").parse().map_err(|_| format!("HTTPS_PROXY={proxy} is no address"))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set"))
}
