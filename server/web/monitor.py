"""``/log/{origin}/...``: checkpoints and hash tiles, for whoever watches the logs.

C2SP tlog-tiles, without its bundles of entries: hashes hide what they are of, while
the entries of the key log name people, so these go to terminals only.  A monitor
recomputes every proof from the tiles and believes the checkpoint by its cosignatures.
"""

from typing import Final

from aiohttp import web

from protocol.errors import MalformedError
from protocol.requests import LogName
from protocol.tiles import WIDTH, parse_path
from server.services.checkpoints import log_key
from server.services.relay import Relay

HASH: Final = 32  # bytes
FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


class MonitorRoutes:
    """Answers from what is published."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def checkpoint(self, request: web.Request) -> web.Response:
        """Return the published note of a log."""
        note = self._relay.logs.last(self._log(request)).note
        if not note:
            raise web.HTTPNotFound
        return web.Response(body=note, content_type="text/plain")

    async def tile(self, request: web.Request) -> web.Response:
        """Return one hash tile, full or partial, as far as it is stored."""
        log = self._log(request)
        try:
            tile = parse_path("tile/" + request.match_info["path"])
        except MalformedError:
            raise web.HTTPNotFound from None
        if tile.level is None:
            raise web.HTTPNotFound
        hashes = await self._relay.logs.tile(log, tile.level, tile.number)
        if len(hashes) < tile.width * HASH:
            raise web.HTTPNotFound
        headers = FOREVER if tile.width == WIDTH else None
        return web.Response(body=hashes[: tile.width * HASH], headers=headers)

    def _log(self, request: web.Request) -> LogName:
        origin = request.match_info["origin"]
        root = self._relay.directory.root
        for log in LogName:
            if log_key(root, log).origin == origin:
                return log
        raise web.HTTPNotFound
