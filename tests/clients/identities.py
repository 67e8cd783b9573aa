#!/usr/bin/env python3
"""Whose credentials does a configuration mean? The AWS CLI's answer beside ours.

usage: identities.py TABLE CALLS AWS HELPER

Each configuration of TABLE is a home folder and an environment in which `aws ecr get-login-password`
and `get` are run. CALLS is the log of the loopback AWS, which says who signed the call that gave the
token. The two must be the same, but where the table states a difference and its reason.

TABLE has a block for each configuration:

    ## NAME
    $ VARIABLE=VALUE            a variable of both programs
    c|LINE                      a line of ~/.aws/config
    k|LINE                      a line of ~/.aws/credentials
    = WHO                       whom both ask as
    ! WHO | WHO | REASON        whom we ask as, whom the AWS CLI asks as, and why they differ

WHO is `ACCOUNT:user/NAME`, `ACCOUNT:assumed-role/ROLE/SESSION` (`*` where nobody names the session), or
`nobody`: no token, and a failure. `{…}` is filled in from the environment of this script.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HOST = os.environ["LOOPBACK_HOST"]
START_URL = "https://loopback.awsapps.com/start"
# What programs call a session that nobody names.
OWN_SESSION = re.compile(r"/(botocore-session-\d+|docker-credential-ecr-rs|(web-identity-token|assume-role)[a-z-]*-\d+)$")


def read_table(path):
    rows = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("## "):
            rows.append({"name": line[3:], "env": {}, "c": [], "k": []})
        elif line.startswith("$ "):
            name, value = line[2:].split("=", 1)
            rows[-1]["env"][name] = value
        elif line[:2] in ("c|", "k|"):
            rows[-1][line[0]].append(line[2:])
        elif line.startswith("= "):
            rows[-1]["ours"] = rows[-1]["cli"] = line[2:].strip()
        elif line.startswith("! "):
            ours, cli, reason = (part.strip() for part in line[2:].split("|", 2))
            rows[-1].update(ours=ours, cli=cli, reason=reason)
        elif line and not line.startswith("#"):
            sys.exit(f"{path}: not understood: {line}")
    names = [row["name"] for row in rows]
    for row in rows:
        if "ours" not in row or names.count(row["name"]) > 1:
            sys.exit(f"{path}: {row['name']}: no expectation, or a name that stands twice")
    return rows


def values(home):
    def keys(id, secret):
        return f"aws_access_key_id = {id}\naws_secret_access_key = {secret}"

    env = os.environ
    alice, alices = env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    bob, bobs = env["LOOPBACK_OTHER_ACCESS_KEY_ID"], env["LOOPBACK_OTHER_SECRET_ACCESS_KEY"]
    return {
        "keys": keys(alice, alices), "bobs": keys(bob, bobs), "id": alice, "secret": alices, "bob": bob,
        "bob-secret": bobs, "role": env["LOOPBACK_ROLE"], "other-role": env["LOOPBACK_OTHER_ROLE"],
        "guarded": env["LOOPBACK_GUARDED_ROLE"], "external-id": env["LOOPBACK_EXTERNAL_ID"], "home": str(home),
        "aws": env["LOOPBACK_ENDPOINT"], "container": env["LOOPBACK_CONTAINER"], "start": START_URL,
        "authorization": env["LOOPBACK_CONTAINER_AUTHORIZATION"], "bom": "\ufeff", "tab": "\t", "empty": "",
    }


def fill(text, filling):
    return re.sub(r"\{([a-z-]+)\}", lambda found: filling[found[1]], text)


def furnish(home, row):
    """What lies in every home, and the files of the row."""
    (home / ".aws/sso/cache").mkdir(parents=True)
    (home / "token").write_text(os.environ["LOOPBACK_WEB_IDENTITY_TOKEN"])
    (home / "authorization").write_text(os.environ["LOOPBACK_CONTAINER_AUTHORIZATION"])
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 8 * 3600))
    session = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": os.environ["LOOPBACK_SSO_TOKEN"],
               "expiresAt": end}
    for key in ["corp", "my corp", START_URL]:
        (home / ".aws/sso/cache" / f"{hashlib.sha1(key.encode()).hexdigest()}.json").write_text(json.dumps(session))
    filling = values(home)
    printed = {"Version": 1, "AccessKeyId": filling["id"], "SecretAccessKey": filling["secret"]}
    (home / "printed.json").write_text(json.dumps(printed))
    for file, lines in [("config", row["c"]), ("credentials", row["k"])]:
        if lines:
            (home / ".aws" / file).write_text(fill("\n".join(lines) + "\n", filling), encoding="utf-8")
    env = {name: os.environ[name] for name in ["PATH", "HTTPS_PROXY", "NO_PROXY", "AWS_CA_BUNDLE"]}
    env.update(HOME=str(home), LANG="C.UTF-8", AWS_REGION="eu-west-1", AWS_EC2_METADATA_DISABLED="true",
               AWS_ECR_DISABLE_CACHE="1", AWS_MAX_ATTEMPTS="1", TMPDIR=str(home))
    env.update((name, fill(value, filling)) for name, value in row["env"].items())
    return env


def who(calls, before):
    """Who signed the call that gave a token, since a place in the log."""
    with open(calls, encoding="utf-8") as log:
        log.seek(before)
        asked = [json.loads(line) for line in log]
    given = [call for call in asked if call["operation"] == "GetAuthorizationToken" and call["status"] == 200]
    if not given:
        return "nobody"
    account, what = given[-1]["principal"].split(":", 5)[4:]
    return f"{account}:{OWN_SESSION.sub('/*', what)}"


def run(command, stdin, env, calls):
    before = os.path.getsize(calls)
    ended = subprocess.run(command, input=stdin, env=env, capture_output=True, timeout=120)
    asked = who(calls, before)
    if (ended.returncode == 0) != (asked != "nobody"):
        asked += f" (exit status {ended.returncode})"
    return asked, ended.stderr.decode(errors="replace").strip()


def main():
    table, calls, aws, helper = map(pathlib.Path, sys.argv[1:])
    rows, failed, different = read_table(table), 0, []
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            env = furnish(pathlib.Path(folder), row)
            cli, cli_says = run([aws, "ecr", "get-login-password", "--region", "eu-west-1"], b"", env, calls)
            ours, we_say = run([helper, "get"], HOST.encode(), env, calls)
        if (ours, cli) == (row["ours"], row["cli"]):
            if "reason" in row:
                different.append(row)
            print(f"ok      {row['name']:<58} {ours}")
            continue
        failed += 1
        print(f"FAILED  {row['name']}\n        ours {ours}, expected {row['ours']}\n        AWS CLI {cli}, expected {row['cli']}")
        for says in [we_say, cli_says]:
            print("\n".join(f"        | {line}" for line in says.splitlines()[-4:]))
    same = len(rows) - failed - len(different)
    print(f"\n{len(rows)} configurations: {same} end as with the AWS CLI, {len(different)} differ on purpose, {failed} failed")
    for row in different:
        print(f"  {row['name']}: we {row['ours']}, the AWS CLI {row['cli']}: {row['reason']}")
    sys.exit(1 if failed else 0)


main()
