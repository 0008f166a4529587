"""What all tests share: properties are judged by what they find, never by how long a busy machine took over it."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "staddle",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("STADDLE_SAME_EXAMPLES")),
)
settings.load_profile("staddle")
