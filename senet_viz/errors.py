"""Errors that a person can act on: each message says what was wrong, where, what was expected and what to do."""


class SenetVizError(Exception):
    """Work that could not be done, for a reason that its one-sentence message names.

    Attributes:
        exit_code: what the command line ends with (1: the work failed, 2: unusable arguments).
    """

    exit_code = 1


class ArgumentError(SenetVizError, ValueError):
    """An argument that no work can be started with."""

    exit_code = 2


class GateError(SenetVizError):
    """A network whose gates cannot be observed, or a gate that did not fire exactly once in a forward."""


class ImageError(SenetVizError):
    """One image that could not be read. Recordings skip it and list it."""


class SourceError(SenetVizError):
    """A labelled image source that could not be opened, or classes that could not be mapped."""


class ModelError(SenetVizError):
    """A model that could not be built or whose weights could not be loaded."""


class RecordingError(SenetVizError):
    """A recording that is missing, damaged, incomplete, locked or of other inputs than asked for."""


class ExperimentError(SenetVizError):
    """Results of an experiment that are missing, damaged, or of another declaration or other images."""


class EngineError(SenetVizError):
    """Workers that a job's batches were given to and that can not do them."""
