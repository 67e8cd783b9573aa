"""Notation's answer to trust policies beside ours.

    policies.py TABLE DOCS NOTATION OURS

TABLE has a policy a line: `VERDICT NAME WHY: JSON`. The JSON holds the members of AWS's documented
statement that are other ones (null takes one out); after `RAW ` stands what takes the place of
"STATEMENT" in a whole document, `@` for that document's own statement.

VERDICT is `both+` or `both-` where both take or refuse it (NAME is `-`), `notation+` or `ours+` where
one of them does; then NAME is the difference's in DOCS.
"""

import json
import os
import subprocess
import sys
import tempfile

STATEMENT = {
    "name": "aws-signer-tp",
    "registryScopes": ["*"],
    "signatureVerification": {"level": "strict"},
    "trustStores": ["signingAuthority:aws-signer-ts"],
    "trustedIdentities": ["arn:aws:signer:eu-west-1:111122223333:/signing-profiles/app"],
}


def document(text):
    if text.startswith("RAW "):
        return text[4:].replace("@", json.dumps(STATEMENT))
    members = {**STATEMENT, **json.loads(text)}
    statement = {name: value for name, value in members.items() if value is not None}
    return json.dumps({"version": "1.0", "trustPolicies": [statement]}, ensure_ascii=False)


def takes(command, folder):
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "NOTATION_CONFIG": folder}
    return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode == 0


def main(table, docs, notation, ours):
    with open(docs, encoding="utf-8") as file:
        documented = file.read()
    count = differ = 0
    with open(table, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    for line in lines:
        if not line or line.startswith("#"):
            continue
        head, _, text = line.partition(": ")
        verdict, name, why = head.split(" ", 2)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "policy.json")
            with open(path, "w", encoding="utf-8") as policy:
                policy.write(document(text))
            found = (
                takes([notation, "policy", "import", "--force", path], folder),
                takes([ours, "trust", "show", "--policy", path], folder),
            )
        wanted = {"both+": (True, True), "both-": (False, False), "notation+": (True, False), "ours+": (False, True)}
        count += 1
        differ += found[0] != found[1]
        if found != wanted[verdict]:
            print(f"FAILED  policy: {why}: notation takes it: {found[0]}, we do: {found[1]}")
        elif found[0] != found[1] and f"`{name}`" not in documented:
            print(f"FAILED  policy: {why}: the difference {name} is not in {docs}")
        else:
            print(f"ok      policy: {why} ({verdict})")
    print(f"{count} policies: {differ} on which the two differ, each by its name in docs/verify.md")


main(*sys.argv[1:])
