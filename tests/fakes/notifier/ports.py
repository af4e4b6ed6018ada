"""The notifier's world in memory, by the rules of its ports."""

import asyncio
from collections import defaultdict

from services.notifier.core.wire import Reply
from services.notifier.ports import Everything, Metadata, Seen, Vanished
from shared.errors import TransientError


class FakeChannel:
    """Answers as it is told, and remembers what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        answer = self.answers.pop(0) if self.answers else Reply(status=200)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeDeclarations:
    """Objects and Secrets, and what was written into statuses."""

    def __init__(self):
        self.secrets = {}
        self.found = defaultdict(dict)
        self.statuses = {}
        self.trouble = None
        self.reads = 0
        self._watchers = defaultdict(list)

    def put(self, data):
        kind, key = data["kind"], (data["metadata"].get("namespace", ""), data["metadata"]["name"])
        self.found[kind][key] = data
        for queue in self._watchers[kind]:
            queue.put_nowait(Seen(data))

    def drop(self, kind, namespace, name):
        data = self.found[kind].pop((namespace, name))
        for queue in self._watchers[kind]:
            queue.put_nowait(Vanished(data))

    async def watch(self, kind):
        queue = asyncio.Queue()
        self._watchers[kind].append(queue)
        yield Everything(tuple(self.found[kind].values()))
        while True:
            yield await queue.get()

    async def secret(self, namespace, name):
        self._fail()
        return self.secrets.get((namespace, name))

    async def metadata(self, involved):
        self._fail()
        data = self.found[involved.kind].get((involved.namespace, involved.name))
        if data is None:
            return None
        return Metadata(
            labels=data["metadata"].get("labels", {}),
            annotations=data["metadata"].get("annotations", {}),
        )

    async def objects(self, group, kind, *, namespace="", labels=None):
        self._fail()
        return [
            data
            for (home, _), data in sorted(self.found[kind].items())
            if namespace in {"", home}
            and (labels or {}).items() <= data["metadata"].get("labels", {}).items()
        ]

    async def write_status(self, kind, namespace, name, status):
        self._fail()
        data = self.found[kind].get((namespace, name))
        if data is None:
            return
        merged = {**data.get("status", {}), **status}
        merged = {key: value for key, value in merged.items() if value is not None}
        self.statuses[kind, namespace, name] = merged
        self.put({**data, "status": merged})

    def _fail(self):
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble


class FakeLetters:
    """The queue of deliveries, and the dead letters."""

    def __init__(self):
        self.waiting = {}
        self.buried = {}
        self.durables = set()
        self.trouble = None
        self._more = asyncio.Event()

    async def enqueue(self, order, *, id_, trace):
        self._fail()
        self.waiting.setdefault(id_, order)
        self._more.set()

    async def bury(self, order, *, id_, reason, attempts):
        self._fail()
        self.buried.setdefault(id_, (order, reason, attempts))

    async def lane(self, namespace, name, uid, handler):
        self.durables.add((namespace, uid))
        while True:
            self._more.clear()
            for id_, order in list(self.waiting.items()):
                if (order.provider_namespace, order.provider_name) == (namespace, name):
                    await handler(order)
                    del self.waiting[id_]
                    break
            else:
                await self._more.wait()

    async def addressees(self):
        self._fail()
        return {(order.provider_namespace, order.provider_name) for order in self.waiting.values()}

    async def close_lanes(self, keep):
        self._fail()
        self.durables &= keep

    def _fail(self):
        if self.trouble is not None:
            raise self.trouble


class FakeBus:
    """What was said and asked for; events are handed over by hand."""

    def __init__(self):
        self.said = {}
        self.looks = []
        self.trouble = None
        self._events = asyncio.Queue()

    def tell(self, event, id_):
        self._events.put_nowait((event, id_, id_))

    async def events(self, handler):
        while True:
            event, id_, trace = await self._events.get()
            try:
                await handler(event, id_, trace)
            except TransientError:
                self._events.put_nowait((event, id_, trace))
                await asyncio.sleep(0)

    async def say(self, event, id_):
        if self.trouble is not None:
            raise self.trouble
        self.said.setdefault(id_, event)

    async def look(self, kind, namespace, name, cause):
        if self.trouble is not None:
            raise self.trouble
        self.looks.append((kind, namespace, name))


class FakeMemory:
    """Delivered ids, as long as the test lasts."""

    def __init__(self):
        self.ids = []

    def knows(self, id_):
        return id_ in self.ids

    async def remember(self, id_):
        self.ids.append(id_)


class FakeMark:
    """The note of a wipe."""

    def __init__(self, at=None):
        self.at = at

    def read(self):
        return self.at

    def write(self, at):
        self.at = at

    def clear(self):
        self.at = None


class FakeWitness:
    """What was counted and recorded."""

    def __init__(self):
        self.results = []
        self.recorded = []

    def ended(self, result):
        self.results.append(result)

    def record(self, event):
        self.recorded.append(event)
