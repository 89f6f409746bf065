"""Code as it was written for the managers of before, on those of this package."""

import asyncio
import contextlib
import json
import logging
import os
import time
import unittest
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from unittest import mock

from stack_test import KEY, URL, WithStack, advance, name
from support import WithServer, problem, until

from sluice import AsyncSluice, ConfigurationError, OutboxError, Sluice, Unavailable, Unsupported
from sluice.managers import (
    BatchDatabaseManager,
    QuotaMonitor,
    ResponseAggregator,
    SmartFileManager,
    once,
    shared,
    task_fields,
    use,
)
from sluice.managers.responses import split


class Sentinel:
    """Stands for the class of this name in Firestore's library."""

    def __init__(self, description):
        self.description = description


class Increment:
    def __init__(self, value):
        self.value = value


class ArrayUnion(Increment):
    pass


class Reference:
    """Stands for a reference to a document."""

    def __init__(self, path):
        self.path = path


class Status(str, Enum):
    ASSIGNED = "assigned"
    DONE = "done"


class Index:
    """Stands for an integer of numpy."""

    def __index__(self):
        return 7


class Float:
    def __float__(self):
        return 0.5


SERVER_TIMESTAMP = Sentinel("Value used to set a document field to the server timestamp.")
DELETE_FIELD = Sentinel("Value used to delete a field in a document.")
MOMENT = datetime(2026, 3, 1, 12)


#: Fields of tasks that the old proxy wrote and that Sluice has no place for.
FURTHER = {
    "language": "en",
    "voice_name": "ann",
    "speaker_wav_url": "https://example.com/ann.wav",
    "user_metadata": {"ip": "10.0.0.1"},
    "estimated_completion_time": 60,
    "task_assignments": [{"assignment_id": "a", "assigned_at": MOMENT}],
}
ASSIGNED_TEXT = {"task_assignments": [{"assignment_id": "a", "assigned_at": "2026-03-01T12:00:00.000Z"}]}


class WithManagers(WithServer):
    def setUp(self):
        super().setUp()
        once._warned.clear()
        self.addCleanup(use, None)
        self.before = None
        self.managed()

    def managed(self, url=None, key="a-key", **options):
        """Has the managers use a client of this test."""
        settings = {"outbox": self.path, "linger": 0.02, "max_backoff": 0.05, "timeout": 5.0, **options}
        if self.before is not None:
            self.before.close(0)
        client = AsyncSluice(url or self.server.url, key, **settings)
        self.addCleanup(client._executor.shutdown)
        self.addCleanup(client.sync.close, 0)
        use(client)
        self.before = client.sync
        return client.sync

    def sent(self, code):
        """Lines that code sends, without their stamps."""
        asyncio.run(code)
        self.assertTrue(shared.shared().client.sync.drain())
        return [{key: value for key, value in line.items() if key != "stamp"} for line in self.server.kept]

    @contextlib.contextmanager
    def warned(self, *words):
        """Expects one warning in the log for each word."""
        with self.assertLogs("sluice", logging.WARNING) as logs:
            yield
        for word in words:
            self.assertEqual(len([line for line in logs.output if word in line]), 1, (word, logs.output))


class Answers(WithManagers):
    def test_are_sent_with_the_members_that_have_a_place(self):
        async def old_code():
            aggregator = ResponseAggregator(None)
            answer = {
                "miner_uid": 7,
                "task_id": "t",
                "response_data": {"output_data": {"summary": "short"}, "speed_score": 0.5},
                "submitted_at": MOMENT,
                "processing_time": Decimal("1.5"),
                "accuracy_score": Float(),
                "hotkey": "5F",
                "status": "completed",
            }
            self.assertIsNone(await aggregator.buffer_miner_response("t", Index(), answer))
            self.assertEqual(answer["miner_uid"], 7)

        self.assertEqual(
            self.sent(old_code()),
            [
                {
                    "type": "response",
                    "task_id": "t",
                    "miner_uid": 7,
                    "response_data": {"output_data": {"summary": "short"}, "speed_score": 0.5},
                    "submitted_at": "2026-03-01T12:00:00.000Z",
                    "processing_time": 1.5,
                    "accuracy_score": 0.5,
                    "speed_score": 0.5,
                    "hotkey": "5F",
                    "status": "completed",
                }
            ],
        )

    def test_keep_every_member_that_they_had(self):
        for given, data in [
            ({"output_data": "text", "model": "x"}, {"output_data": "text", "model": "x"}),
            ({"response_data": "text"}, "text"),
            ({"response_data": "text", "model": "x"}, {"output_data": "text", "model": "x"}),
            ({"response_data": "text", "output_data": 1}, {"response_data": "text", "output_data": 1}),
            ({"response_data": {"a": 1}, "output_data": 2}, {"a": 1, "output_data": 2}),
            ({"response_data": None, "error": "broken"}, {"error": "broken"}),
            ({"response": {"a": 1}}, {"a": 1}),
            ({"transcript": "hi", "confidence": 0.9}, {"transcript": "hi", "confidence": 0.9}),
            ({}, {}),
            ("just text", {"output_data": "just text"}),
        ]:
            self.assertEqual(split(given), (data, {}), given)

    def test_keep_inside_the_data_what_does_not_fit_its_place(self):
        long = "h" * 129
        given = {"output_data": 1, "hotkey": long, "submitted_at": "yesterday", "speed_score": "fast"}
        self.assertEqual(split(given), (given, {}))
        with self.warned("output_data[0] is NaN", "output_data[1] is an integer past", "accuracy_score is NaN"):
            data, members = split({"output_data": [float("nan"), 2**64, b"ab"], "accuracy_score": float("nan")})
        self.assertEqual((data, members), ({"output_data": [None, str(2**64), "YWI="]}, {}))
        self.assertEqual(split({"a": 1, "accuracy_score": "0.5"}), ({"a": 1}, {"accuracy_score": 0.5}))
        for moment in ("2026-03-01T14:00:00+02:00", 1_772_366_400, 1_772_366_400_000, SERVER_TIMESTAMP):
            text = split({"submitted_at": moment})[1]["submitted_at"]
            if moment is not SERVER_TIMESTAMP:
                self.assertEqual(text, "2026-03-01T12:00:00.000Z")

    def test_of_what_no_json_can_hold_are_refused_by_name(self):
        async def old_code():
            aggregator = ResponseAggregator(None)
            for value in (object(), Increment(1), {1, 2}):
                with self.assertRaisesRegex(TypeError, "response.output_data.x"):
                    await aggregator.buffer_miner_response("t", 1, {"output_data": {"x": value}})

        self.assertEqual(self.sent(old_code()), [])


class Documents(WithManagers):
    def test_are_written_as_they_were(self):
        async def old_code():
            manager = BatchDatabaseManager(object())
            data = {"at": MOMENT, "raw": b"ab", "price": Decimal("2"), "status": Status.DONE, "n": Index()}
            await manager.buffered_write({"type": "set", "ref": Reference("users/1"), "data": data})
            changes = {"stats.views": 3, "nested": {"a": {"b": 1}}, "old": DELETE_FIELD, "seen": SERVER_TIMESTAMP}
            await manager.buffered_write({"type": "update", "ref": Reference("users/1"), "data": changes})
            await manager.buffered_write({"type": "delete", "ref": "users/2"})
            made = await manager.create_document("users", {"n": (1, 2)})
            self.assertEqual(str(uuid.UUID(made)), made)
            self.assertEqual(await manager.create_document("users", {}, doc_id="3"), "3")
            await manager.update_document("users", "3", {"n": 1})
            await manager.delete_document("users", "3")
            return made

        lines = self.sent(old_code())
        made = lines[3]["path"]
        self.assertEqual(
            lines,
            [
                {
                    "type": "set",
                    "path": "users/1",
                    "data": {
                        "at": {"$timestamp": "2026-03-01T12:00:00.000Z"},
                        "raw": {"$bytes": "YWI="},
                        "price": 2,
                        "status": "done",
                        "n": 7,
                    },
                },
                {
                    "type": "update",
                    "path": "users/1",
                    "data": {
                        "stats.views": 3,
                        "nested": {"a": {"b": 1}},
                        "old": {"$delete": True},
                        "seen": {"$server_timestamp": True},
                    },
                },
                {"type": "delete", "path": "users/2"},
                {"type": "set", "path": made, "data": {"n": [1, 2]}},
                {"type": "set", "path": "users/3", "data": {}},
                {"type": "update", "path": "users/3", "data": {"n": 1}},
                {"type": "delete", "path": "users/3"},
            ],
        )

    def test_what_sluice_cannot_do_is_refused_with_the_reason_and_the_field(self):
        async def old_code():
            manager = BatchDatabaseManager(None)
            for data, error, words in [
                ({"a": {"views": Increment(1)}}, Unsupported, "a.views: Increment .*docs/adr/0021"),
                ({"tags": [ArrayUnion(["x"])]}, TypeError, r"tags\[0\]: ArrayUnion"),
                ({"a": {"b": DELETE_FIELD}}, ValueError, "a.b: DELETE_FIELD"),
                ({"a": float("nan")}, ValueError, "a: expected a finite number"),
                ({"a": 2**63}, ValueError, "a: expected an integer of 64 bits"),
                ({"a": {(1, 2): 3}}, TypeError, "a: expected names of fields"),
                (None, ValueError, "data: expected a dict"),
            ]:
                with self.assertRaisesRegex(error, words):
                    await manager.update_document("users", "1", data)
            for operation, words in [
                ({"type": "merge", "ref": "a/1", "data": {}}, "type: expected set"),
                ({"type": "set", "ref": None, "data": {}}, "ref: expected"),
                ({"type": "set", "ref": "a/1", "data": {}, "merge": True}, "merge"),
                ({"type": "delete", "ref": "tasks/1"}, "tasks/1: tasks are not deleted"),
            ]:
                with self.assertRaisesRegex((ValueError, TypeError), words):
                    await manager.buffered_write(operation)

        self.assertEqual(self.sent(old_code()), [])


class Tasks(WithManagers):
    def test_are_created_with_whatever_fields(self):
        async def old_code():
            manager = BatchDatabaseManager(None)
            data = {
                "task_type": "tts",
                "status": Status.ASSIGNED,
                "input_text": {"text": "hi", "at": MOMENT},
                "assigned_miners": (7, 8),
                "callback_url": None,
                "created_at": SERVER_TIMESTAMP,
                "miner_responses": [],
                "metadata": {"tags": ["a"]},
            }
            task_id = await manager.create_task(data)
            self.assertEqual((data["task_id"], str(uuid.UUID(task_id))), (task_id, task_id))
            self.assertEqual(data["created_at"], data["updated_at"])
            self.assertLess(datetime.now(timezone.utc).replace(tzinfo=None) - data["created_at"], timedelta(minutes=1))
            again = await manager.create_task(data)
            self.assertNotEqual(again, task_id)
            with self.assertRaisesRegex(ValueError, "task_type"):
                await manager.create_task({"input_text": "hi"})

        with self.warned("miner_responses of a task", "create_task makes an id"):
            lines = self.sent(old_code())
        self.assertEqual([sorted(line) for line in lines], [sorted(lines[0])] * 2)
        del lines[0]["task_id"]
        self.assertEqual(
            lines[0],
            {
                "type": "task",
                "task_type": "tts",
                "status": "assigned",
                "input_text": {"text": "hi", "at": "2026-03-01T12:00:00.000Z"},
                "assigned_miners": [7, 8],
                "metadata": {"tags": ["a"]},
            },
        )

    def test_are_changed_under_old_names_of_statuses(self):
        async def old_code():
            manager = BatchDatabaseManager(None)
            await manager.update_task_status("t", "processing")
            names = {"minerResponses": {}, "best_response.miner_uid": 7, "_own": 1, "a-b": 1, "_sluice": b""}
            await manager.update_task_status("t", "pending", names)
            more = {"completed_at": MOMENT, "required_miner_count": 1, "priority": None, "model_id": DELETE_FIELD}
            await manager.update_task_status("t", Status.DONE, more)
            await manager.update_task_status("t", "ready_for_evaluation", {"source_language": "en"})
            await manager.update_task_status("t", "ready_for_evaluation")
            await manager.buffered_write({"type": "update", "ref": Reference("tasks/t"), "data": {"status": "failed"}})
            created = {"task_type": "tts", "task_id": "t2"}
            await manager.buffered_write({"type": "set", "ref": Reference("tasks/t2"), "data": created})

        with self.warned("completed_at", "required_miner_count", "ready_for_evaluation", "no field that can be set"):
            lines = self.sent(old_code())
        self.assertEqual(
            lines,
            [
                {"type": "fields", "task_id": "t", "status": "in_progress"},
                {"type": "fields", "task_id": "t", "status": "pending"},
                {"type": "fields", "task_id": "t", "status": "completed", "priority": None, "model_id": None},
                {"type": "fields", "task_id": "t", "source_language": "en"},
                {"type": "fields", "task_id": "t", "status": "failed"},
                {"type": "task", "task_id": "t2", "task_type": "tts"},
            ],
        )


class Buffers(WithManagers):
    async def write(self):
        await ResponseAggregator(None).buffer_miner_response("t1", 1, {"output_data": 1})
        await ResponseAggregator(None).buffer_miner_response("t1", 2, {"output_data": 1})
        manager = BatchDatabaseManager(None)
        await manager.create_task({"task_type": "tts"})
        await manager.update_task_status("t1", "assigned")
        await manager.delete_document("users", "1")

    def test_count_what_waits_and_never_raise(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        before = time.time()
        asyncio.run(self.write())
        expected = {
            "buffered_tasks": 1,
            "buffered_responses": 2,
            "buffer_timeout": 60,
            "min_responses_to_flush": 3,
            "tasks_in_buffer": ["t1"],
        }
        self.assertEqual(ResponseAggregator(None).get_buffer_stats(), expected)
        stats = BatchDatabaseManager(None).get_buffer_stats()
        last, since = stats.pop("last_flush"), stats.pop("time_since_last_flush")
        self.assertTrue(before - 60 < last <= time.time() and 0 <= since < 60)
        expected = {"set": 1, "update": 1, "delete": 1, "total_buffered_operations": 3}
        self.assertEqual(stats, {**expected, "buffer_size_limit": 100, "flush_interval": 30})
        files = {"local_storage": {}, "firestore_files": 0, "total_files": 0}
        self.assertEqual(SmartFileManager(None).get_storage_stats(), files)
        self.assertEqual(QuotaMonitor().get_recent_warnings(), [])
        self.server.failures = []
        self.assertTrue(shared.shared().client.sync.drain())
        self.assertEqual(ResponseAggregator(None).get_buffer_stats()["buffered_responses"], 0)
        self.assertGreater(BatchDatabaseManager(None).get_buffer_stats()["last_flush"], before)

    def test_that_are_long_are_counted_in_the_background(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        with mock.patch("sluice.managers.figures.MAX_COUNTED", 1), mock.patch(
            "sluice.managers.figures.INTERVAL_SECONDS", 0.01
        ):
            asyncio.run(self.write())
            until(lambda: ResponseAggregator(None).get_buffer_stats()["buffered_responses"] == 2)

    def test_are_cleared_by_moving_aside(self):
        self.server.failures = [problem(503, "unavailable")] * 10_000
        asyncio.run(self.write())
        BatchDatabaseManager(None).clear_buffer()
        self.assertEqual(BatchDatabaseManager(None).get_buffer_stats()["total_buffered_operations"], 0)
        self.assertEqual(ResponseAggregator(None).get_buffer_stats()["buffered_responses"], 2)
        asyncio.run(BatchDatabaseManager(None).delete_document("users", "2"))
        ResponseAggregator(None).clear_buffer()
        self.assertEqual(BatchDatabaseManager(None).get_buffer_stats()["total_buffered_operations"], 1)
        BatchDatabaseManager(None).clear_buffer()
        client = shared.shared().client.sync
        self.assertEqual(client.outbox_status().waiting, 0)
        aside = [json.loads(one.line)["type"] for one in client.refused()]
        self.assertEqual(aside, ["response", "response", "task", "fields", "delete", "delete"])

    def test_survive_a_restart_without_their_network(self):
        asyncio.run(self.managed_away())
        self.managed()
        self.assertTrue(shared.shared().client.sync.drain())
        self.assertEqual([line["miner_uid"] for line in self.server.kept], [1])

    async def managed_away(self):
        client = self.managed(url="http://127.0.0.1:1")
        await ResponseAggregator(None).buffer_miner_response("t", 1, {"output_data": 1})
        with mock.patch.object(shared, "DRAIN_SECONDS", 0.05), self.warned("the rest waits in the outbox"):
            await ResponseAggregator(None).force_flush_all()
        client.close(0)

    def test_go_on_taking_with_a_wrong_key(self):
        self.server.failures = [problem(401, "unauthenticated")] * 10_000
        asyncio.run(self.write())
        until(lambda: shared.shared().client.sync.outbox_status().is_blocked)
        self.assertEqual(ResponseAggregator(None).get_buffer_stats()["buffered_responses"], 2)

    def test_raise_where_the_disk_refuses(self):
        async def old_code():
            with self.assertRaises(OutboxError):
                await ResponseAggregator(None).buffer_miner_response("t", 1, {"output_data": 1})
            with self.assertRaises(OutboxError):
                await BatchDatabaseManager(None).create_document("users", {"n": 1})

        shared.shared().client.sync.outbox._writer._store._database.connection.close()
        asyncio.run(old_code())

    def test_set_aside_what_sluice_refuses(self):
        self.server.refuse = lambda line: ("invalid_request", "no such uid") if line["miner_uid"] > 65535 else None
        self.sent(ResponseAggregator(None).buffer_miner_response("t", 70_000, {"output_data": 1}))
        self.assertEqual([one.code for one in shared.shared().client.sync.refused()], ["invalid_request"])


class WithoutSluice(WithManagers):
    def test_quota_is_refused_or_waited_for(self):
        async def old_code():
            monitor = QuotaMonitor()
            self.assertIs(await monitor.check_quota("writes"), False)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(monitor.enforce_write_quota(), 0.1)
            self.assertEqual(monitor.get_quota_stats()["counted"]["writes"], 0)
            await monitor.shutdown()

        self.managed(url="http://127.0.0.1:1")
        asyncio.run(old_code())

    def test_files_answer_nothing_that_is_not_so(self):
        async def old_code():
            files = SmartFileManager(None)
            with self.assertRaises(Unavailable):
                await files.store_file(b"abc", "a.wav", "audio/wav")
            for call in (files.retrieve_file, files.get_file_info):
                with self.assertRaises(Unavailable):
                    await call("an-id")
            with self.warned("an-id was not deleted"):
                self.assertIs(await files.delete_file("an-id"), False)
            with self.warned("were not cleaned up"):
                self.assertEqual(await files.cleanup_temp_files(), 0)

        self.managed(url="http://127.0.0.1:1")
        asyncio.run(old_code())


class Settings(WithManagers):
    def test_come_from_the_environment_and_want_an_outbox(self):
        use(None)
        names = {"SLUICE_URL": self.server.url, "SLUICE_API_KEY": "k", "SLUICE_OUTBOX": ""}
        with mock.patch.dict(os.environ, names):
            for manager in (ResponseAggregator, BatchDatabaseManager, SmartFileManager):
                with self.assertRaisesRegex(ConfigurationError, "SLUICE_OUTBOX"):
                    manager(None)
            os.environ["SLUICE_OUTBOX"] = os.path.join(self.directory, "other.db")
            self.sent(ResponseAggregator(None).buffer_miner_response("t", 1, {}))
            self.assertTrue(os.path.exists(os.environ["SLUICE_OUTBOX"]))
            self.addCleanup(shared.shared().client.sync.close, 0)
        without = AsyncSluice(self.server.url, "a-key", outbox=None)
        with self.assertRaisesRegex(ConfigurationError, "outbox"):
            use(without)


class OnTheStack(WithManagers, WithStack):
    def setUp(self):
        super().setUp()
        self.direct = Sluice(URL, KEY, outbox=None)
        self.addCleanup(self.direct.close)
        self.with_role("proxy")
        patch = mock.patch.object(shared, "DRAIN_SECONDS", 60)
        patch.start()
        self.addCleanup(patch.stop)

    def with_role(self, role):
        keys = json.loads(os.environ["SLUICE_TEST_KEYS"])
        return self.managed(url=URL, key=keys[role], outbox=os.path.join(self.directory, role), timeout=30)

    def test_a_task_from_its_creation_to_its_best_answer(self):
        async def old_code():
            aggregator, manager = ResponseAggregator(None), BatchDatabaseManager(None)
            task = {"task_type": "summarization", "input_text": "long", "required_miner_count": 1, "priority": "normal"}
            more = {"status": "pending", "assigned_miners": [], "model_id": None, **FURTHER}
            task_id = await manager.create_task({**task, **more, "created_at": SERVER_TIMESTAMP})
            own = {one: "mine" for one in (*task_fields.DERIVED, *task_fields.NO_FIELDS, *task_fields.FIXED)}
            await manager.update_task_status(task_id, "processing", {**own, "source_language": "en"})
            answer = {"output_data": {"summary": "short"}, "accuracy_score": 0.9, "hotkey": "h" * 200, "x": 1e300}
            await aggregator.buffer_miner_response(task_id, 7, {**answer, "speed_score": 7, "submitted_at": MOMENT})
            await manager.update_document("users", task_id, {"a.b": MOMENT, "raw": b"ab", "c": {"d": Decimal("0.5")}})
            await aggregator.force_flush_all()
            await manager.force_flush_all()
            return task_id

        task_id = asyncio.run(old_code())
        self.assertEqual(shared.shared().client.sync.refused(), [])
        advance(35)
        task = self.direct.get_task(task_id, wait=True, timeout=20)
        self.assertEqual((task["status"], task["source_language"]), ("completed", "en"))
        self.assertEqual({key: task.get(key) for key in FURTHER}, {**FURTHER, **ASSIGNED_TEXT})
        self.assertEqual(task["best_response"]["miner_uid"], 7)
        answer = task["miner_responses"]["7"]
        data = {"output_data": {"summary": "short"}, "hotkey": "h" * 200, "x": 1e300}
        self.assertEqual(answer["response_data"], data)
        self.assertEqual((answer["submitted_at"], answer["speed_score"]), ("2026-03-01T12:00:00.000Z", 1))
        validator = Sluice(URL, json.loads(os.environ["SLUICE_TEST_KEYS"])["validator"], outbox=None)
        self.addCleanup(validator.close)

        def seen():
            tasks = validator.transport.call("GET", "/api/v1/tasks/completed").json()
            return [one["miner_responses"] for one in tasks if one["task_id"] == task_id]

        until(seen, 20)
        scores = {"processing_time": 0, "accuracy_score": 0.9, "speed_score": 1}
        self.assertEqual(seen()[0][0]["response_data"], {**data, **scores})
        until(lambda: "buffer_timeout" in shared.shared().figures.part("response_aggregator"))
        self.assertEqual(ResponseAggregator(None).get_buffer_stats()["buffer_timeout"], 60)

    def test_leaves_out_of_tasks_every_name_that_sluice_keeps_to_itself(self):
        contract = self.direct.transport.call("GET", "/openapi.json").json()
        body = contract["paths"]["/v1/tasks"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        names = set(body["propertyNames"]["not"]["enum"])
        kept = {one for one in names if task_fields.creation({"task_type": "tts", one: 1}) != {"task_type": "tts"}}
        self.assertEqual(kept, set())
        self.assertEqual(set(body["properties"]), task_fields.KNOWN)
        self.assertEqual(set(body["properties"]["status"]["enum"]), task_fields.STATUSES)

    def test_takes_known_fields_that_are_written_otherwise(self):
        self.assertEqual(
            task_fields.creation({"taskType": "tts", "sourceLanguage": "en", "source_language": "de", "taskId": "t"}),
            {"task_type": "tts", "source_language": "de"},
        )

    def test_files(self):
        async def old_code():
            files = SmartFileManager(None)
            stored = await files.store_file(b"abc", "a/b.wav", "audio/wav", "audio/wav")
            self.assertEqual(
                {key: stored[key] for key in ("file_name", "content_type", "size", "file_type")},
                {"file_name": "a/b.wav", "content_type": "audio/wav", "size": 3, "file_type": "audio/wav"},
            )
            # Small, but it goes to Cloud Storage while Firestore has no room.
            self.assertIn(stored["storage_location"], ("firestore", "cloud_storage"))
            self.assertEqual(stored["checksum"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
            self.assertIsInstance(stored["created_at"], datetime)
            self.assertIsNone(stored["updated_at"].tzinfo)
            file_id = stored["file_id"]
            self.assertEqual(await files.retrieve_file(file_id), (b"abc", "audio/wav", "a_b.wav"))
            info = await files.get_file_info(file_id)
            self.assertEqual((info["file_type"], info["checksum"]), ("audio", stored["checksum"]))
            large = await files.store_file(bytes(1_100_000), "", "no media type", "whatever")
            self.assertEqual(large["storage_location"], "cloud_storage")
            data, content_type, file_name = await files.retrieve_file(large["file_id"])
            self.assertEqual((len(data), content_type), (1_100_000, "application/octet-stream"))
            self.assertEqual(file_name, "unnamed_file")
            self.assertIs(await files.delete_file(file_id), True)
            self.assertIs(await files.delete_file(file_id), False)
            for unknown in (file_id, "no-such-file", "a/b", "../x"):
                self.assertIsNone(await files.retrieve_file(unknown))
                self.assertIsNone(await files.get_file_info(unknown))
            self.assertIsInstance(await files.cleanup_temp_files(max_age_hours=24), int)
            with self.assertRaisesRegex(ValueError, "File too large"):
                await files.store_file(bytes(100 * 1024 * 1024 + 1), "x", "audio/wav")

        asyncio.run(old_code())
        stats = SmartFileManager(None).get_storage_stats()
        self.assertEqual(set(stats), {"local_storage", "firestore_files", "total_files"})

    def test_quota_is_counted_against_a_lease_that_is_given_back(self):
        async def old_code():
            monitor = QuotaMonitor()
            for _ in range(10):
                self.assertIs(await monitor.check_write_quota(), True)
                await monitor.enforce_read_quota()
            self.assertIs(await monitor.check_delete_quota(), True)
            with self.assertRaises(ValueError):
                await monitor.check_quota("queries")
            stats = monitor.get_quota_stats()
            self.assertEqual(stats["counted"], {"writes": 10, "reads": 10, "deletes": 1})
            await monitor.shutdown()
            return monitor

        monitor = asyncio.run(old_code())
        until(lambda: shared.shared().figures.part("quota_monitor"))
        stats = monitor.get_quota_stats()
        self.assertEqual(stats["rate_limits"]["writes"], {"per_second": 800, "per_minute": 50000})
        self.assertEqual(stats["rate_limits"]["writes_per_second"], 800)
        self.assertEqual(set(stats["current_usage"]["reads"]), {"per_second", "per_minute", "per_day", "total"})
        self.assertIsInstance(stats["warnings"], int)
        self.assertIsInstance(stats["last_reset"], float)
        self.assertAlmostEqual(stats["time_since_last_reset"], stats["time_since_reset"])
        self.assertEqual(stats["throttling"]["max_multiplier"], 10)

    def test_a_key_that_may_not_flush_warns_and_one_that_may_not_write_takes(self):
        async def old_code():
            await ResponseAggregator(None).buffer_miner_response(name(), 1, {"output_data": 1})
            with self.warned("may not ask for a flush"):
                await ResponseAggregator(None).force_flush_all()
            with self.warned("this key may not"):
                self.assertEqual(await SmartFileManager(None).cleanup_temp_files(), 0)

        self.with_role("ingest")
        asyncio.run(old_code())
        self.with_role("read")
        monitor = QuotaMonitor()
        self.assertIs(asyncio.run(monitor.check_quota("writes")), False)


if __name__ == "__main__":
    unittest.main()
