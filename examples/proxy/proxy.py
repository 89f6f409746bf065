"""A subnet's proxy: takes what existing miners send, and answers when it is on the disk, whatever Sluice does."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any, Mapping

from sluice import ApiError, AsyncSluice, ConfigurationError, NotFound, OutboxError, Unavailable
from web import Answer, App, Request

SCORES = ("processing_time", "accuracy_score", "speed_score")
#: The status of an answer by the error; the first that fits.
STATUSES = {
    OutboxError: 503,  # The disk has refused: nothing is known to be kept.
    Unavailable: 503,
    NotFound: 404,
    ApiError: 502,
    OSError: 502,
    ConfigurationError: 422,
    TypeError: 422,
    ValueError: 422,
}


def proxy(client: AsyncSluice, url: str, key: str) -> App:
    """The proxy's routes: events go through the client's outbox, what miners read comes from Sluice."""
    app = App(STATUSES)

    async def keep(form: Mapping[str, Any], response_data: Any) -> dict[str, Any]:
        task_id, uid = _needed(form, "task_id"), int(_needed(form, "miner_uid"))
        scores = {name: float(form[name]) for name in SCORES if form.get(name) not in (None, "")}
        await client.send_response(task_id, uid, response_data, hotkey=form.get("hotkey") or None, **scores)
        return {"success": True, "message": "Response accepted", "task_id": task_id, "miner_uid": uid}

    @app.route("POST", "/api/v1/miner/response")
    async def response(request: Request) -> dict[str, Any]:
        form = request.fields()
        return await keep(form, _value(form.get("response_data")))

    @app.route("POST", "/api/v1/miner/text-translation/upload-result")
    @app.route("POST", "/api/v1/miner/document-translation/upload-result")
    async def translation(request: Request) -> dict[str, Any]:
        form = request.fields()
        data = {name: form.get(name) for name in ("source_language", "target_language")}
        data["translated_text"] = _needed(form, "translated_text")
        data["processing_time"] = float(form.get("processing_time") or 0)
        if form.get("metadata"):
            data["metadata"] = _value(form["metadata"])
        return await keep(form, data)

    @app.route("POST", "/v1/tasks")
    async def create_task(request: Request) -> dict[str, Any]:
        return {"task_id": await client.create_task(**request.fields())}

    @app.route("GET", "/v1/tasks/{task_id}")
    async def task(request: Request) -> dict[str, Any]:
        return await client.get_task(request.params["task_id"], wait="wait" in request.target)

    @app.route("GET", "/health")
    async def health(_: Request) -> dict[str, Any]:
        return (await client.outbox_status())._asdict()

    @app.route("GET", "/api/v1/miners/{uid}/tasks")
    @app.route("GET", "/api/v1/files/{file_id}/download")
    @app.route("POST", "/api/v1/miner/tts/upload-audio")
    @app.route("GET", "/api/v1/tasks/completed")
    @app.route("GET", "/api/v1/validator/{uid}/evaluated_tasks")
    @app.route("POST", "/api/v1/validator/evaluation")
    async def pass_on(request: Request) -> Answer:
        return await asyncio.to_thread(_from_sluice, url, key, request)

    return app


def _from_sluice(url: str, key: str, request: Request) -> Answer:
    """Sluice's own answer; speech and evaluations, too, are only accepted by Sluice."""
    headers = {"X-API-Key": key, "Content-Type": request.headers.get("content-type", "application/json")}
    asked = urllib.request.Request(url + request.target, request.body or None, headers, method=request.method)
    try:
        with urllib.request.urlopen(asked, timeout=25) as answer:
            return Answer(answer.status, answer.read(), answer.headers["Content-Type"])
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), error.headers["Content-Type"])


def _needed(form: Mapping[str, Any], name: str) -> str:
    if form.get(name) in (None, ""):
        raise ValueError(f"Expected {name}, got none.")
    return str(form[name])


def _value(text: Any) -> Any:
    """The value of JSON's text; other text stays as it is, Python's NaN in it, too."""
    try:
        return json.loads(text, parse_constant=_refuse) if isinstance(text, str) else text
    except ValueError:
        return text


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}.")
