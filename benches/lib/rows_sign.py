"""Rows about `sign` and `verify`, beside Notation."""

import re

from .loopback import HOST
from .measure import in_turn
from .row import compared, counted
from .running import Unmeasured, run, succeed
from .signing import LATENCY

JOB = re.compile(r"arn:aws:signer:[^\"]*:/signing-jobs/[\w-]+")


def one_image(bench):
    """`sign` of an image that was never signed before."""
    signing, peer = bench.signing, bench.names["notation"]
    new = lambda: signing.registry.new_image("single")
    for sign in (signing.sign, signing.notation_sign):
        sign(new()).once()
    rounds = bench.rounds(20, 5)
    with signing.slow():
        mine, yours = signed_in_turn(signing, rounds, new, {})
        yield compared(f"`sign`, {LATENCY} ms a request, {bench.build}", mine, peer, yours, 0.45)
    with signing.relay() as relay:
        with signing.slow():
            mine, yours = signed_in_turn(signing, rounds, new, relay.variables)
        what = f"`sign`, {LATENCY} ms a request and a round trip, {bench.build}"
        yield compared(what, mine, peer, yours, 0.4)
        yield from asked(signing, new, relay, peer)
    peaks = [signing.sign(new(), ours=path).peak_memory() for path in bench.builds.values()]
    theirs = signing.notation_sign(new()).peak_memory()
    for name, mine in zip(bench.builds, peaks):
        yield counted(f"`sign`: peak memory, {name}", mine, "MiB", 12.0, peer, theirs, 3)


def signed_in_turn(signing, rounds, new, variables):
    return in_turn(rounds, [
        lambda: signing.sign(new(), **variables).once(), lambda: signing.notation_sign(new(), **variables).once(),
    ])


def asked(signing, new, relay, peer):
    """What both ask: requests, and connections to the registry."""
    requests, connections, build = [], [], signing.bench.build
    for sign in (signing.sign, signing.notation_sign):
        program = sign(new(), **relay.variables)
        counts = []
        hosts = relay.connections(lambda: counts.append(signing.requests(program)))
        requests.append(counts[0])
        connections.append(hosts.count(f"{HOST}:443"))
    yield counted(f"`sign`: requests to AWS Signer and the registry, {build}", requests[0], "", 8, peer, requests[1])
    yield counted(f"`sign`: connections to the registry, {build}", connections[0], "", 2, peer, connections[1])


def many_images(bench):
    """An index and everything that it lists, beside one `sign` after another, and beside a larger one."""
    signing = bench.signing
    few, many = bench.sizes.index_few, bench.sizes.index_many
    rounds = bench.rounds(3, 2)
    push = signing.registry.push_index
    indexes = {images: [push(f"index-{images}", images)[0] for _ in range(rounds)] for images in (few, many)}
    apart = [push("apart", few) for _ in range(rounds)]

    def together(images):
        return signing.sign(indexes[images].pop(), "--recursive").once()

    def one_after_another():
        return sum(signing.sign(image).once() for image in apart.pop())

    with signing.slow():
        contenders = [lambda: together(few), lambda: together(many), one_after_another]
        of_few, of_many, one_by_one = in_turn(rounds, contenders)
    what = f"an index of {few} images, `--recursive`, {bench.build}"
    yield compared(what, of_few, "one `sign` after another", one_by_one, 0.15)
    # The index itself is signed, too.
    each_of_few, each_of_many = of_few.each(few + 1), of_many.each(many + 1)
    what = f"an image of an index of {many}, {bench.build}"
    yield compared(what, each_of_many, f"of an index of {few}", each_of_few, 1.2)


def verified(bench):
    """`verify` of an image with one signature, and with three of which those that are tried first are revoked."""
    signing, peer = bench.signing, bench.names["notation"]
    images = {1: signing.registry.new_image("verified-1"), 3: signing.registry.new_image("verified-3")}
    for signatures, image in images.items():
        for _ in range(signatures):
            signing.sign(image).once()
    revoke_first(signing, images[3])
    rounds = bench.rounds(20, 5)
    for signatures, what, ceiling, most in (
        (1, "one signature", 0.45, 5), (3, "three signatures, two revoked", 0.3, None),
    ):
        image = images[signatures]
        with signing.slow():
            mine, yours = in_turn(rounds, [signing.verify(image).once, signing.notation_verify(image).once])
        yield compared(f"`verify`, {what}, {LATENCY} ms a request, {bench.build}", mine, peer, yours, ceiling)
        requests = [signing.requests(program) for program in (signing.verify(image), signing.notation_verify(image))]
        yield counted(f"`verify`, {what}: requests, {bench.build}", requests[0], "", most, peer, requests[1])
    theirs = signing.notation_verify(images[1]).peak_memory()
    for name, path in bench.builds.items():
        mine = signing.verify(images[1], ours=path).peak_memory()
        yield counted(f"`verify`: peak memory, {name}", mine, "MiB", 16.0, peer, theirs, 3)


def revoke_first(signing, image):
    """Revokes two of three signatures: those that Notation, which goes by the registry's list, tries first."""
    inspect = [signing.bench.ours, "signatures", "inspect", image, "--output", "json"]
    jobs = list(dict.fromkeys(JOB.findall(succeed(inspect, b"", signing.environment).decode())))
    if len(jobs) != 3:
        raise Unmeasured(f"three signatures have {len(jobs)} jobs")
    for job in jobs[:2]:
        signing.loopback.behave(f"revoke {job}")
    before = signing.loopback.calls()
    signing.notation_verify(image).once()
    tried = signing.loopback.operations(before).count("GetRevocationStatus")
    if tried != 3:
        raise Unmeasured(f"Notation tried {tried} of three signatures: the revoked ones are not the first two")


def can_verify(bench):
    return run([bench.ours, "verify", "--help"], b"", bench.base).returncode == 0
