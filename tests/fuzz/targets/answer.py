"""An answer of the API server that is no success: one of our errors, without a Secret's values."""

from shared.kube.errors import KubeError
from shared.kube.translate import Target, translate

CODES = (400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503, 504, 0)


def one(data):
    if not data:
        return
    target = Target(verb="apply", kind="Secret", namespace="ns", name="s", secret=data[0] > 127)
    found = translate(CODES[data[0] % len(CODES)], data[1:], target)
    assert isinstance(found, KubeError)
    assert len(found.message) < 10_000
