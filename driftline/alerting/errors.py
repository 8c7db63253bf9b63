"""What can be wrong with what people wrote for alerting.

ConfigurationError (driftline)
+-- InvalidAlertingConfig      the alerting YAML: the message names the field and the remedy
"""

from driftline.errors import ConfigurationError


class InvalidAlertingConfig(ConfigurationError):
    """The alerting configuration cannot be used; correct the field that the message names."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"alerting configuration: {field}: {problem}")
        self.field = field
        self.problem = problem
