"""MQTT: sensors that come from a broker, and activities that appear in Home Assistant as a sensor.

The messages are those of Home Assistant's MQTT discovery: a retained configuration, an availability that the broker
sets to `offline` by the last will, and a state with its attributes. A client that has lost its broker tries again until
it is back; states that were not delivered wait and are sent then, in their order.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from detach_core import __version__
from detach_core.contracts.recognizer import Description, Resampling
from detach_core.foundation.errors import UserError
from detach_core.recognition.sources import Clock, Samples, iso_time, number
from detach_core.recognition.stream import Event

PASSWORD = "DETACH_MQTT_PASSWORD"

_PORT, _TLS_PORT = 1883, 8883
_MOST_WAITING = 500_000  # states that wait for a broker: about a week of one a second
_LONGEST_RETRY_S = 30
_POLL_S = 0.2


def _client(url: str, client_id: str, *, keep_session: bool) -> tuple[mqtt.Client, str, int]:
    """A client for `mqtt://user:password@host:port`, `mqtts` with TLS, and the broker's host and port.

    Raises:
        UserError: the URL is none of a broker.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
        raise UserError(f"{url}: found no broker, expected mqtt://HOST, mqtts://HOST or with :PORT; correct it")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=not keep_session)
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or "") or os.environ.get(PASSWORD))
    if parts.scheme == "mqtts":
        client.tls_set()
    client.reconnect_delay_set(min_delay=1, max_delay=_LONGEST_RETRY_S)
    client.max_queued_messages_set(_MOST_WAITING)
    return client, parts.hostname, port or (_PORT if parts.scheme == "mqtt" else _TLS_PORT)


class ActivitySensor:
    """The recognised activity as a sensor of Home Assistant, while the block runs.

    Attributes:
        state_topic: where each window's activity goes.
        availability_topic: `online` or `offline`.
        config_topic: where Home Assistant finds the sensor.
    """

    def __init__(self, url: str, description: Description, *, prefix: str = "homeassistant") -> None:
        """Args: url: of the broker; prefix: of the discovery, as Home Assistant is configured.

        Raises:
            UserError: the URL is none of a broker.
        """
        slug = re.sub(r"[^a-z0-9_]+", "_", f"{description.dataset}_{description.variant}".lower())
        self.id = f"detach_{slug}_{description.provenance.artifact_id[:8]}"
        self.state_topic, self.availability_topic = f"detach/{self.id}/state", f"detach/{self.id}/availability"
        self.config_topic = f"{prefix}/sensor/{self.id}/config"
        self._description = description
        self._client, self._host, self._port = _client(url, f"{self.id}_{os.getpid()}", keep_session=False)
        self._client.will_set(self.availability_topic, "offline", qos=1, retain=True)
        self._client.on_connect, self._client.on_publish = self._announce, self._confirm
        # Each is changed by one thread alone: the caller's, and the client's.
        self._sent = self._announced = self._confirmed = 0

    def config(self) -> dict[str, Any]:
        """The message by which Home Assistant makes the sensor."""
        description = self._description
        return {
            "name": "Activity",
            "unique_id": self.id,
            "state_topic": self.state_topic,
            "value_template": "{{ value_json.state }}",
            "json_attributes_topic": self.state_topic,
            "availability_topic": self.availability_topic,
            "payload_available": "online",
            "payload_not_available": "offline",
            # Without samples nothing is recognised, and the last activity is no longer true.
            "expire_after": max(60, round(10 * description.window_s)),
            "icon": "mdi:home-account",
            "device": {
                "identifiers": [self.id],
                "name": f"DETACH {description.dataset}",
                "manufacturer": "DETACH",
                "model": description.variant,
                "sw_version": __version__,
            },
            "origin": {"name": "detach", "sw_version": __version__},
        }

    def _announce(self, client: mqtt.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        """Configuration and availability, at first and after each reconnection: a broker may have lost both."""
        if not reason.is_failure:
            client.publish(self.config_topic, json.dumps(self.config()), qos=1, retain=True)
            client.publish(self.availability_topic, "online", qos=1, retain=True)
            self._announced += 2

    def _confirm(self, client: mqtt.Client, data: Any, number: int, reason: Any, properties: Any) -> None:
        self._confirmed += 1

    def __enter__(self) -> Self:
        self._client.connect_async(self._host, self._port, keepalive=30)
        self._client.loop_start()
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for what is under way, a few seconds at most, and say that no more will come."""
        self._wait(5.0)
        if self._client.is_connected():
            self._client.publish(self.availability_topic, "offline", qos=1, retain=True)
            self._sent += 1
            self._wait(2.0)
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self.num_waiting and time.monotonic() < until:
            time.sleep(0.02)

    @property
    def num_waiting(self) -> int:
        """Number of messages that the broker has not confirmed."""
        return self._sent + self._announced - self._confirmed

    def publish(self, event: Event) -> None:
        """Send a window's activity; without a broker it waits."""
        payload = {
            "state": event.shown,
            **{name: value for name, value in vars(event).items() if name not in ("start_s", "end_s", "probability")},
            "probability": round(event.probability, 4),
            "start": iso_time(event.start_s),
            "end": iso_time(event.end_s),
        }
        info = self._client.publish(self.state_topic, json.dumps(payload, ensure_ascii=False), qos=1, retain=True)
        # Of a broker that is away for longer than that, the newest states are lost, which the log can still give.
        self._sent += info.rc != mqtt.MQTT_ERR_QUEUE_SIZE


class MqttSource:
    """Samples of sensors that publish to a broker: each message holds until the next of its sensor.

    A JSON object gives a sensor for each key, `name/key`, with `name` the topic below the subscription's fixed part;
    one with `sensor` and `value`, or any other payload, gives one. The time is that of the object (`time`,
    `last_seen`), or of arrival. `contact` is true where a door is closed, as Zigbee2MQTT has it.

    Attributes:
        names: the columns of the samples, the recogniser's channels.
        resampling: `previous`.
        ignored: sensors that the recogniser does not know.
        silent: channels that have sent nothing so far.
        clock: of the messages.
        is_live: true.
    """

    is_live = True

    def __init__(
        self, url: str, topics: Sequence[str], channels: Sequence[str], *, zone: str | None, idle_s: float | None = None
    ) -> None:
        """Args: url: of the broker; topics: subscribed filters; idle_s: end after so long without a message.

        Raises:
            UserError: the URL is none of a broker, or no topic is given.
        """
        if not topics:
            raise UserError(f"{url}: found no topic, expected --topic, such as 'zigbee2mqtt/#'; say what to listen to")
        # The same client again is sent what the broker has kept for it while it was away.
        name = hashlib.sha256("\n".join((url, *topics)).encode()).hexdigest()[:12]
        self._client, self._host, self._port = _client(url, f"detach_in_{name}", keep_session=True)
        self._client.on_connect, self._client.on_message = self._subscribe, self._take
        self._topics, self._idle_s, self.clock = list(topics), idle_s, Clock(zone, is_absolute=True)
        self.names, self.silent, self.ignored = tuple(channels), set(channels), set[str]()
        self.resampling: Resampling | None = "previous"
        self._place = {channel: place for place, channel in enumerate(channels)}
        self._state = np.full(len(channels), np.nan)
        self._messages: queue.Queue[tuple[float, str, bytes]] = queue.Queue()
        self._last_s = -np.inf

    @property
    def table(self) -> MqttSource:
        """The form of the samples."""
        return self

    def _subscribe(self, client: mqtt.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _take(self, client: mqtt.Client, data: Any, message: mqtt.MQTTMessage) -> None:
        self._messages.put((time.time(), message.topic, bytes(message.payload)))

    def __iter__(self) -> Iterator[Samples]:
        """The samples as they come; without any where nothing has come for a moment."""
        self._client.connect_async(self._host, self._port, keepalive=30)
        self._client.loop_start()
        last = time.monotonic()
        try:
            while self._idle_s is None or time.monotonic() - last <= self._idle_s:
                try:
                    arrived_s, topic, payload = self._messages.get(timeout=_POLL_S)
                except queue.Empty:
                    yield Samples(np.empty((0, len(self.names))), np.empty(0))
                    continue
                last = time.monotonic()
                yield self.samples(arrived_s, topic, payload)
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def samples(self, arrived_s: float, topic: str, payload: bytes) -> Samples:
        """The sample after a message; none where it tells of no channel of the recogniser."""
        changed, found = False, self._parse(topic, payload)
        for sensor, value in found.items():
            if sensor in ("time", "last_seen"):
                continue
            place = self._place.get(sensor)
            if place is None:
                self.ignored.add(sensor)
                continue
            try:
                self._state[place] = number(value)
            except ValueError:
                self._state[place] = np.nan
            self.silent.discard(sensor)
            changed = True
        if not changed:
            return Samples(np.empty((0, len(self.names))), np.empty(0))
        # Messages of several sensors cross on their way: one that is late counts when it is known.
        self._last_s = max(self._last_s, self._time_of(found, arrived_s))
        return Samples(self._state[None].copy(), np.array([self._last_s]))

    def _parse(self, topic: str, payload: bytes) -> dict[str, Any]:
        """Sensors and their values in a message, and its time under `time` or `last_seen`."""
        name = next((topic[len(fixed) :] for fixed in self._fixed_parts() if topic.startswith(fixed)), topic) or topic
        text = payload.decode("utf-8", errors="replace")
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = text
        if not isinstance(content, dict):
            return {name: content}
        times = {key: content[key] for key in ("time", "last_seen") if key in content}
        if {"sensor", "value"} <= content.keys():
            return {**times, str(content["sensor"]): content["value"]}
        keys = {key: value for key, value in content.items() if key not in times and not isinstance(value, dict | list)}
        if isinstance(keys.get("contact"), bool):
            keys["contact"] = not keys["contact"]
        # A row of channels by their own names is taken as it is.
        return {**times, **{key if key in self._place else f"{name}/{key}": value for key, value in keys.items()}}

    def _fixed_parts(self) -> list[str]:
        return [re.split(r"[#+]", topic)[0] for topic in self._topics if re.search(r"[#+]", topic)]

    def _time_of(self, found: dict[str, Any], arrived_s: float) -> float:
        said = found.get("time", found.get("last_seen"))
        try:
            seconds = arrived_s if said is None else self.clock.seconds(said)
        except (ValueError, OverflowError, TypeError, AttributeError):
            return arrived_s
        return seconds / 1000.0 if seconds > 1e11 else seconds
