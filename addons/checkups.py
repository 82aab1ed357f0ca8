"""Addon: tests every enabled channel now and then, when the operator wants that (`probe.interval`); off by default.

What comes of it is in the records (source `probe`), in each channel's health and, of a failure, in the log. Upstreams
inside the process are spared.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from mitmproxy.utils import asyncio_utils

from axonhub.addons.channels.registry import channel_types
from axonhub.addons.config import Config
from axonhub.addons.settings import Settings
from axonhub.addons.trials import Trial, TrialRequest

logger = logging.getLogger(__name__)

_LOOK_S = 0.5
_AT_ONCE = 4

type TryOut = Callable[[TrialRequest], Awaitable[Sequence[Trial]]]


class Checkups:
    def __init__(self, settings: Settings, try_out: TryOut, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._try_out, self._clock = settings, try_out, clock
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._task = asyncio_utils.create_task(self._go(), name="channel probes", keep_ref=True)

    def done(self) -> None:
        if self._task:
            self._task.cancel()

    async def _go(self) -> None:
        last_s = self._clock()
        while True:
            await asyncio.sleep(_LOOK_S)  # the interval may be edited at any time
            interval_s = self._settings.config.probe.interval_s
            if interval_s and self._clock() - last_s >= interval_s:
                await self._round()
                last_s = self._clock()

    async def _round(self) -> None:
        places = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._probe(name, places) for name in due(self._settings.config)))

    async def _probe(self, name: str, places: asyncio.Semaphore) -> None:
        async with places:
            for trial in await self._try_out(TrialRequest(channel=name, source="probe")):
                if not trial.success:
                    logger.warning("probe: %s: %s", name, trial.error)


def due(config: Config) -> list[str]:
    """Names of the channels that a round asks."""
    kinds = channel_types()
    return [each.name for each in config.channels if each.status == "enabled" and not kinds[each.type].internal]
