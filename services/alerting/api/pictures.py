"""Pictures of trends for channels that fetch them: by the id of a notification, which nobody can guess, and without words in them."""

import json

from fastapi import APIRouter, Response

from driftline.alerting.channels.message import read
from driftline.alerting.picture import draw
from driftline.runtime.problems import Problem
from services.alerting.store import outbox
from services.alerting.store.database import Database


def picture_routes(database: Database) -> APIRouter:
    """`GET /v1/pictures/<notification>.png`, without a token: Slack and Teams have none."""
    router = APIRouter(prefix="/v1/pictures", tags=["pictures"])

    @router.get("/{notification_id}.png", summary="The last windows of what a notification is about", response_class=Response)
    def picture(notification_id: str) -> Response:
        with database.read() as tx:
            row = outbox.find(tx, notification_id)
        body = {} if row is None else json.loads(row.body)
        trend = read(notification_id, body).lead.trend if body else None
        if trend is None:
            raise Problem(404, "no_picture", "there is no such picture, or no more", remedy="look at the model in the console")
        return Response(draw(trend), media_type="image/png", headers={"Cache-Control": "public, max-age=31536000, immutable"})

    return router
