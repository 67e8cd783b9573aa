"""relay.py PORT MILLISECONDS: relays to the proxy on that port of this machine; each round trip costs so much more.

Every byte is held for half a round trip on its way there and back. A client that asks a proxy for a connection
(CONNECT) waits one round trip for it, as it would for TCP's; TLS 1.3 then costs one more, and each request one.
Prints its own port; on SIGUSR1 prints which hosts were asked for since the last time, as a line of JSON.
"""

import asyncio
import json
import signal
import sys

CHUNK = 1 << 16


async def main(port, delay):
    asked = []

    def tell():
        print(json.dumps(asked), flush=True)
        asked.clear()

    async def serve(reader, writer):
        from_proxy, to_proxy = await asyncio.open_connection("127.0.0.1", port)

        def note(first):
            words = first.split(b" ", 2)
            asked.append(words[1].decode(errors="replace") if len(words) > 1 else "?")

        await asyncio.gather(carry(reader, to_proxy, delay, note), carry(from_proxy, writer, delay, lambda _: None))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def carry(reader, writer, delay, see_first):
    """Writes what it reads, each piece `delay` seconds after it came."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue()

    async def write():
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    async def read():
        first = True
        while True:
            try:
                data = await reader.read(CHUNK)
            except ConnectionError:
                data = b""
            if first:
                see_first(data)
                first = False
            pieces.put_nowait((loop.time() + delay, data))
            if not data:
                return

    try:
        await asyncio.gather(read(), write())
    except ConnectionError:
        writer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 2000))
