"""The sensor in Home Assistant and sensors from a broker, by a real broker: mosquitto."""

import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import cast

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from detach_core.foundation.errors import UserError
from detach_core.recognition.live import recognize
from detach_core.recognition.mqtt import ActivitySensor, MqttSource
from detach_core.recognition.recognizer import Recognizer
from detach_core.recognition.stream import Event

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (Debian's package of that name)")


class Broker:
    """A private broker on a port of its own, which can be killed and come back with what it has kept."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self._folder = f"mqtt://127.0.0.1:{self.port}", folder
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        lines = [
            "allow_anonymous true",
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
        ]
        (folder / "broker.conf").write_text("\n".join([*lines, "user root", "autosave_interval 1", ""]))
        self.start()

    def start(self):
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._folder / "broker.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers)

    def stop(self):
        self._process.terminate()
        self._process.wait(10)

    def _answers(self):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0


def wait_for(true, seconds=20.0):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def broker(tmp_path):
    one = Broker(tmp_path / "broker")
    yield one
    one.stop()


@contextmanager
def listening(broker, *topics, client_id="listener"):
    """All messages of the topics while the block runs: (topic, payload, retained)."""
    found = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)

    def subscribe(*_):
        client.subscribe([(topic, 1) for topic in topics])

    client.on_connect = subscribe
    client.on_message = lambda client, data, message: found.append(
        (message.topic, message.payload.decode(), message.retain)
    )
    client.reconnect_delay_set(1, 1)
    subscribed = []
    client.on_subscribe = lambda *_: subscribed.append(True)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    wait_for(lambda: subscribed)
    yield found
    client.disconnect()
    client.loop_stop()


@pytest.fixture(scope="module")
def plain(run_folder):
    return Recognizer.load(run_folder)


def events(count):
    return [Event(1.7e9 + k, 1.7e9 + k + 2.0, f"class {k}", "Door", "Open", 0.75, k % 2 == 0) for k in range(count)]


@needs_broker
def test_home_assistant_finds_the_sensor_and_its_state(broker, plain):
    sensor = ActivitySensor(broker.url, plain.description)
    with listening(broker, "#") as found:
        with sensor:
            for event in events(2):
                sensor.publish(event)
            wait_for(lambda: sum(topic == sensor.state_topic for topic, *_ in found) == 2)
        wait_for(lambda: (sensor.availability_topic, "offline", False) in found)
    config = next(json.loads(payload) for topic, payload, _ in found if topic == sensor.config_topic)
    assert sensor.config_topic == f"homeassistant/sensor/{config['unique_id']}/config"
    assert config["state_topic"] == config["json_attributes_topic"] == sensor.state_topic
    assert config["availability_topic"] == sensor.availability_topic
    assert config["device"]["identifiers"] == [config["unique_id"]]
    first, second = (json.loads(payload) for topic, payload, _ in found if topic == sensor.state_topic)
    assert first == {
        "state": "class 0",
        "label": "class 0",
        "place": "Door",
        "action": "Open",
        "known": True,
        "probability": 0.75,
        "start": "2023-11-14T22:13:20.000+00:00",
        "end": "2023-11-14T22:13:22.000+00:00",
    }
    assert (second["state"], second["label"]) == ("unknown", "class 1")
    order = [payload for topic, payload, _ in found if topic == sensor.availability_topic]
    assert order == ["online", "offline"]


@needs_broker
def test_one_that_comes_later_finds_all_of_it_retained(broker, plain):
    sensor = ActivitySensor(broker.url, plain.description)
    with sensor:
        sensor.publish(events(1)[0])
        wait_for(lambda: not sensor.num_waiting)
        with listening(broker, "#") as found:
            topics = {sensor.config_topic, sensor.state_topic, sensor.availability_topic}
            wait_for(lambda: {topic for topic, _, retained in found if retained} == topics)


@needs_broker
def test_a_process_that_dies_is_offline_by_its_last_will(broker, plain):
    sensor = ActivitySensor(broker.url, plain.description)
    with listening(broker, sensor.availability_topic) as found:
        sensor.__enter__()
        wait_for(lambda: found)
        cast(socket.socket, sensor._client.socket()).shutdown(socket.SHUT_RDWR)  # as when the process is killed
        sensor._client.loop_stop()
        wait_for(lambda: (sensor.availability_topic, "offline", False) in found)


@needs_broker
def test_no_window_is_lost_while_the_broker_is_away(broker, plain):
    sensor = ActivitySensor(broker.url, plain.description)
    with listening(broker, sensor.state_topic, sensor.availability_topic) as found, sensor:
        for number, event in enumerate(events(30)):
            if number == 10:
                wait_for(lambda: not sensor.num_waiting)
                broker.stop()
            if number == 25:
                broker.start()
            sensor.publish(event)
        wait_for(lambda: not sensor.num_waiting, seconds=40.0)
        states = lambda: [json.loads(text)["label"] for topic, text, _ in found if topic == sensor.state_topic]  # noqa: E731
        wait_for(lambda: len(set(states())) == 30, seconds=40.0)
    assert list(dict.fromkeys(states())) == [f"class {k}" for k in range(30)]


@needs_broker
def test_a_broker_that_comes_late_gets_what_has_waited(tmp_path, plain):
    broker = Broker(tmp_path / "broker")
    broker.stop()
    sensor = ActivitySensor(broker.url, plain.description)
    with sensor:
        for event in events(5):
            sensor.publish(event)
        time.sleep(0.3)
        assert sensor.num_waiting == 5
        broker.start()
        wait_for(lambda: not sensor.num_waiting, seconds=40.0)
    broker.stop()


@needs_broker
def test_sensors_of_a_broker_are_recognised_and_published_there(broker, plain, run_folder):
    """The whole way: messages in, a window's activity out, with a broker that goes away in between."""
    names = plain.channel_names
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    lines = []

    def show(line):
        lines.append(line)

    def send(first, end):
        for second in range(first, end):
            payload = {"time": 1.7e9 + second, **dict.fromkeys(names, float(second % 3))}
            client.publish("home/all", json.dumps(payload), qos=1).wait_for_publish(20)

    import threading

    def send_later():
        time.sleep(1.0)
        send(0, 12)

    sender = threading.Thread(target=send_later)
    state_topic = ActivitySensor(broker.url, plain.description).state_topic
    with listening(broker, state_topic) as found:
        sender.start()
        count, _ = recognize(str(run_folder), broker.url, topics=["home/#"], broker=broker.url, idle_s=3.0, show=show)
        sender.join()
        wait_for(lambda: len(found) == count)
    client.loop_stop()
    assert count >= 5
    assert lines[0].startswith("2023-11-14T22:13:20.000+00:00  ")
    assert [json.loads(text)["start"] for _, text, _ in found] == [line.split()[0] for line in lines]


@pytest.fixture
def source():
    channels = ("hall_door/contact", "lamp", "kitchen/power", "room/temperature", "wrist x")
    return MqttSource("mqtt://localhost", ["zigbee2mqtt/#", "lab/+/raw"], channels, zone="UTC")


@pytest.mark.parametrize(
    ("topic", "payload", "place", "value", "moment"),
    [
        ("zigbee2mqtt/hall_door", '{"contact": false, "linkquality": 9}', 0, 1.0, 50.0),
        ("zigbee2mqtt/hall_door", '{"contact": true, "last_seen": "2023-11-14T22:13:20Z"}', 0, 0.0, 1.7e9),
        ("zigbee2mqtt/hall_door", '{"contact": true, "last_seen": 1700000000500}', 0, 0.0, 1.7e9 + 0.5),
        ("zigbee2mqtt/lamp", "ON", 1, 1.0, 50.0),
        ("zigbee2mqtt/lamp", "true", 1, 1.0, 50.0),
        ("zigbee2mqtt/kitchen", '{"power": "3.5"}', 2, 3.5, 50.0),
        ("any", '{"sensor": "room/temperature", "value": 21, "time": 60}', 3, 21.0, 60.0),
        ("any", '{"wrist x": 0.25, "time": 60.5}', 4, 0.25, 60.5),
    ],
)
def test_messages_of_each_form_are_samples(source, topic, payload, place, value, moment):
    found = source.samples(50.0, topic, payload.encode())
    assert found.time_s.tolist() == [moment]
    assert found.values[0, place] == value
    assert np.isnan(np.delete(found.values[0], place)).all()


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\xfe", b"[1, 2]", b"{", b'{"contact": {"a": 1}}', b'{"linkquality": 1}']
)
def test_messages_of_nothing_known_are_no_samples(source, payload):
    assert len(source.samples(50.0, "zigbee2mqtt/other", payload).time_s) == 0


def test_a_value_that_is_none_is_a_gap(source):
    source.samples(1.0, "zigbee2mqtt/lamp", b"ON")
    assert np.isnan(source.samples(2.0, "zigbee2mqtt/lamp", b"ajar").values[0, 1])


def test_a_message_that_is_late_counts_when_it_comes(source):
    source.samples(50.0, "any", b'{"sensor": "lamp", "value": 1, "time": 60}')
    found = source.samples(51.0, "any", b'{"sensor": "kitchen/power", "value": 2, "time": 59}')
    assert found.time_s.tolist() == [60.0]
    assert found.values[0, 1:3].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("url", ["localhost", "http://localhost", "mqtt://", "mqtt://host:x", "mqtt://host/topic"])
def test_what_is_no_broker_is_one_sentence(url, plain):
    with pytest.raises(UserError, match="found no broker, expected mqtt://HOST"):
        ActivitySensor(url, plain.description)


def test_a_source_needs_a_topic():
    with pytest.raises(UserError, match="found no topic"):
        MqttSource("mqtt://localhost", [], ("a",), zone=None)
