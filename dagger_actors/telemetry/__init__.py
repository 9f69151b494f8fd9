"""Traces and figures of a system for OpenTelemetry; needs the extra: ``pip install 'dagger-actors[otel]'``."""

try:
    from dagger_actors.telemetry.open_telemetry import OpenTelemetry
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "opentelemetry":
        raise
    raise ModuleNotFoundError(
        "telemetry needs opentelemetry-api: pip install 'dagger-actors[otel]'", name=error.name
    ) from error

__all__ = ["OpenTelemetry"]
