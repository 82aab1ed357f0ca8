"""Why a change at run time was not made. The message is for whoever asked for it, and never holds a secret.

Refused
├── Invalid   422   what was given cannot be used
├── NotFound  404   there is no such thing
├── Conflict  409   the name is taken, or something still uses it
├── Declared  409   config.yml declares it, so it is edited there
└── Stale     412   it was changed since whoever asks saw it
"""


class Refused(Exception):
    status = 422
    code = "invalid"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(Refused):
    pass


class NotFound(Refused):
    status = 404
    code = "not_found"


class Conflict(Refused):
    status = 409
    code = "conflict"


class Declared(Refused):
    status = 409
    code = "from_config_file"


class Stale(Refused):
    status = 412
    code = "stale"
