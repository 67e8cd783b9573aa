#!/usr/bin/env python3
"""A stand-in for AWS Signer's plugin of Notation, where AWS's own cannot be installed.

It speaks Notation's plugin protocol (notaryproject/specifications, specs/plugin-extensibility.md) under the
name of AWS's plugin and in its words, and calls SignPayload and GetRevocationStatus of the Signer behind
HTTPS_PROXY. It shares no code with the program that is tested. It is no proof of how AWS's plugin behaves:
clients.sh says which one ran.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

NAME = "com.amazonaws.signer.notation.plugin"
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
ENVELOPE_TYPE = "application/jose+json"
SCHEME = "notary.x509.signingAuthority"
PROFILE_VERSION = "com.amazonaws.signer.signingProfileVersion"
JOB = "com.amazonaws.signer.signingJob"
IDENTITY = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY"
REVOCATION = "SIGNATURE_VERIFIER.REVOCATION_CHECK"
PATIENCE = 20  # s, for one call


class Refused(Exception):
    """What goes to Notation as a VALIDATION_ERROR."""


def main():
    commands = {"get-plugin-metadata": metadata, "generate-envelope": sign, "verify-signature": verify}
    command = commands.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if command is None:
        sys.exit("Invalid command, valid commands are: <" + "|".join(commands) + ">")
    try:
        json.dump(command(json.load(sys.stdin)), sys.stdout)
    except (Refused, OSError, ValueError) as err:
        json.dump({"errorCode": "VALIDATION_ERROR", "errorMessage": str(err)}, sys.stderr)
        sys.exit(1)


def metadata(_request):
    return {
        "name": NAME,
        "description": "stand-in for the AWS Signer plugin for Notation",
        "version": "1.0.0",
        "url": "https://docs.aws.amazon.com/signer",
        "supportedContractVersions": ["1.0"],
        "capabilities": ["SIGNATURE_GENERATOR.ENVELOPE", IDENTITY, REVOCATION],
    }


def sign(request):
    if request["contractVersion"] != "1.0" or request["signatureEnvelopeType"] != ENVELOPE_TYPE:
        raise Refused("only contract 1.0 and envelopes of " + ENVELOPE_TYPE)
    if request.get("expiryDurationInSeconds"):
        raise Refused("the signing profile sets the expiry")
    arn = request["keyId"].split(":", 5)
    path = arn[5].split("/") if len(arn) == 6 else []
    if len(path) != 3 or path[1] != "signing-profiles":
        raise Refused(request["keyId"] + " is not the ARN of a signing profile")
    body = {
        "profileName": path[2],
        "profileOwner": arn[4],
        "payload": request["payload"],
        "payloadFormat": request["payloadType"],
    }
    answer = call("signer", region(request), "POST", "/signing-jobs/with-payload", [], json.dumps(body).encode())
    return {
        "signatureEnvelope": answer["signature"],
        "signatureEnvelopeType": ENVELOPE_TYPE,
        "annotations": answer.get("metadata") or {},
    }


def verify(request):
    attributes = request["signature"]["criticalAttributes"]
    if attributes["signingScheme"] != SCHEME or not attributes.get("authenticSigningTime"):
        raise Refused("only signatures of " + SCHEME + " with an authentic signing time")
    extended = attributes["extendedAttributes"]
    results = {}
    for wanted in request["trustPolicy"]["signatureVerification"]:
        if wanted == IDENTITY:
            results[wanted] = identity(extended[PROFILE_VERSION], request["trustPolicy"]["trustedIdentities"])
        elif wanted == REVOCATION:
            results[wanted] = revocation(request, attributes["authenticSigningTime"], extended)
        else:
            raise Refused("unknown capability " + wanted)
    return {"verificationResults": results, "processedAttributes": [PROFILE_VERSION, JOB]}


def identity(version, trusted):
    """A profile's ARN stands for all its versions."""
    if "*" in trusted:
        raise Refused("no wildcard identity")
    matched = [one for one in trusted if version == one or version.rsplit("/", 1)[0] == one]
    if not matched:
        return {"success": False, "reason": "Signature publisher doesn't match any trusted identities."}
    return {"success": True, "reason": f'Signature publisher matched "{matched[0]}" trusted identity.'}


def revocation(request, signed_at, extended):
    chain = [to_be_signed(base64.b64decode(der)) for der in request["signature"]["certificateChain"]]
    hashes = [hashlib.sha384(part).hexdigest() for part in chain]
    query = [
        ("signatureTimestamp", signed_at),
        ("platformId", "Notation-OCI-SHA384-ECDSA"),
        ("profileVersionArn", extended[PROFILE_VERSION]),
        ("jobArn", extended[JOB]),
    ]
    # Each certificate with its issuer; the root with itself.
    query += [("certificateHashes", own + issuer) for own, issuer in zip(hashes, hashes[1:] + hashes[-1:])]
    revoked = call("data-signer", region(request), "GET", "/revocations", query, b"")["revokedEntities"]
    if revoked:
        return {"success": False, "reason": f"Resource(s) {', '.join(revoked)} have been revoked."}
    return {"success": True, "reason": "Signature is not revoked."}


def to_be_signed(der):
    """The first element of a certificate, with its header (RFC 5280, 4.1)."""
    start, _ = element(der, 0)
    _, end = element(der, start)
    return der[start:end]


def element(der, at):
    """Where the content of the DER element at an offset starts and ends."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return start, start + length


def region(request):
    return (request.get("pluginConfig") or {}).get("aws-region") or os.environ["AWS_REGION"]


def call(host, where, method, path, query, body):
    """One call to AWS, with Signature Version 4."""
    host = f"{host}.{where}.amazonaws.com"
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{where}/signer/aws4_request"
    asked = "&".join("=".join(urllib.parse.quote(part, safe="-_.~") for part in pair) for pair in sorted(query))
    canonical = [method, path, asked, f"host:{host}", f"x-amz-date:{now}", "", "host;x-amz-date", sha256(body)]
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, sha256("\n".join(canonical).encode())])
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in [*scope.split("/"), to_sign]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    claim = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 {claim}, SignedHeaders=host;x-amz-date, Signature={key.hex()}",
        "X-Amz-Date": now,
        "Content-Type": "application/json",
    }
    url = f"https://{host}{path}" + (f"?{asked}" if asked else "")
    request = urllib.request.Request(url, body or None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as err:
        raise Refused(f"{method} {url} answered {err.code}: {err.read(4096).decode(errors='replace')}") from err


def sha256(data):
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
