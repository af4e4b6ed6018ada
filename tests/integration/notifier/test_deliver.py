"""Events that reach their providers, on a real bus and a real API server."""


async def test_an_event_becomes_a_webhook(notifier, declare, sink, source):
    declare.provider("hook", sink.url("/hook"))
    declare.alert("all", summary="production")
    await notifier.start()
    await source.say(
        "applied 3 objects", metadata={"kustomize.toolkit.fluxcd.io/revision": "main@sha1:1"}
    )
    (delivery,) = await sink.wait("/hook")
    assert delivery.json["message"] == "applied 3 objects"
    assert delivery.json["metadata"] == {"revision": "main@sha1:1", "summary": "production"}
    assert delivery.headers["gotk-component"] == "kustomize-controller"
    await declare.ready("provider", "hook")
    await declare.ready("alert", "all")
