"""config.yml: the one door to it, and with the environment handed in the only code that reads either.

The way of a file: loading (find, read) → source (YAML and `${…}` → document with line marks) → keys (environment over
file) → validation (models; every fault at its line) → check (what takes the whole) → Loaded.
"""

from axonhub.addons.config.callers import ApiKey, Mapping, Period, Profile, Quota
from axonhub.addons.config.channels import (
    AutoDisableRule,
    Aws,
    Azure,
    BodyOperation,
    Channel,
    ChannelPolicies,
    ChannelSettings,
    Endpoint,
    ErrorPattern,
    Gcp,
    HeaderOperation,
    Match,
    Proxy,
    RateLimit,
)
from axonhub.addons.config.check import Finding
from axonhub.addons.config.loading import Loaded, find_config, load_config, read_if_changed
from axonhub.addons.config.models import (
    Accounting,
    Admin,
    Config,
    Inspection,
    LoadBalance,
    Metrics,
    Retention,
    Retry,
    Server,
    Store,
    Trace,
)
from axonhub.addons.config.pricing import Price, Schedule, Tier
from axonhub.addons.config.problems import ConfigError, Problem, Severity, render_problems
from axonhub.addons.config.section import Section, Switch

__all__ = [
    "Accounting",
    "Admin",
    "ApiKey",
    "AutoDisableRule",
    "Aws",
    "Azure",
    "BodyOperation",
    "Channel",
    "ChannelPolicies",
    "ChannelSettings",
    "Config",
    "ConfigError",
    "Endpoint",
    "ErrorPattern",
    "Finding",
    "Gcp",
    "HeaderOperation",
    "Inspection",
    "LoadBalance",
    "Loaded",
    "Mapping",
    "Match",
    "Metrics",
    "Period",
    "Price",
    "Problem",
    "Profile",
    "Proxy",
    "Quota",
    "RateLimit",
    "Retention",
    "Retry",
    "Schedule",
    "Section",
    "Server",
    "Severity",
    "Store",
    "Switch",
    "Tier",
    "Trace",
    "find_config",
    "load_config",
    "read_if_changed",
    "render_problems",
]
