"""What operators do to the process."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends

from driftline.errors import ConfigurationError
from driftline.runtime.http import Access
from driftline.runtime.problems import Problem
from services.alerting.adapters.plan import Plan


def operation_routes(reload: Callable[[], Plan], access: Access) -> APIRouter:
    """`POST /-/reload` as Alertmanager has it, for operators."""
    router = APIRouter(prefix="/-", tags=["operations"])

    @router.post("/reload", summary="Read the configuration again", dependencies=[Depends(access.require("operator"))])
    def reload_configuration() -> dict[str, Any]:
        try:
            plan = reload()
        except ConfigurationError as error:
            remedy = "correct it (driftline alert check-config) and reload again; the old one stays in force"
            raise Problem(422, "invalid_configuration", str(error), remedy=remedy) from error
        return {
            "receivers": sorted(plan.routing.receivers),
            "channels": sorted(plan.channels),
            "warnings": list(plan.routing.warnings),
        }

    return router
