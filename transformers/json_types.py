"""JSON as types: what a parsed wire body may hold."""

type Json = None | bool | int | float | str | list[Json] | dict[str, Json]
type JsonObject = dict[str, Json]
