"""The form of log lines, and log4cxx's configuration files."""

import itertools
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from duma.server.log_config import (
    EmptyLogConfiguration,
    LogConfiguration,
    LogConfigurationError,
    read_log_configuration,
)
from duma.server.log_pattern import DEFAULT_PATTERN, PatternError, PatternFormatter, date_format

NOON = 1548676800.057  # 2019-01-28 12:00:00,057 UTC
DAY = 86400.0


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(message: str = "hello", level: int = logging.INFO, created: float = NOON) -> logging.LogRecord:
    made = logging.LogRecord("duma.server.launch", level, "/src/launch.py", 226, message, (), None, "run")
    made.created = created
    return made


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (
            DEFAULT_PATTERN,
            f"2019-01-28 12:00:00,057 {threading.get_native_id()} INFO  [launch.py:226] hello\n",
        ),
        ("%d{ISO8601} %m", "2019-01-28 12:00:00,057 hello"),
        ("%d{ABSOLUTE}", "12:00:00,057"),
        ("%d{DATE}", "28 Jan 2019 12:00:00,057"),
        ("%d{yyyy/MM/dd 'at' HH''mm}", "2019/01/28 at 12'00"),
        ("[%7p][%-7p][%.2p]", "[   INFO][INFO   ][FO]"),
        ("%c %c{1} %t", f"jubatus jubatus {threading.current_thread().name}"),
        ("%M %l", "run run(launch.py:226)"),
        ("100%% %x%X{user}|", "100% |"),
    ],
    ids=itertools.count(),
)
def test_patterns(pattern: str, line: str) -> None:
    assert PatternFormatter(pattern).format(record()) == line


@pytest.mark.parametrize("pattern", ["%q", "%", "%d{QQQ}", "50% of %m"])
def test_unknown_conversions_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="pattern"):
        PatternFormatter(pattern)


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (logging.CRITICAL, "FATAL"),
        (logging.ERROR, "ERROR"),
        (logging.WARNING, "WARN"),
        (logging.DEBUG, "DEBUG"),
    ],
)
def test_levels_have_jubatus_names(level: int, name: str) -> None:
    assert PatternFormatter("%p").format(record(level=level)) == name


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("bad")
    except ValueError as error:
        failed = record()
        failed.exc_info = (type(error), error, error.__traceback__)
    text = PatternFormatter("%m%n").format(failed)
    assert text.startswith("hello\nTraceback ")
    assert text.endswith("ValueError: bad\n")


def test_dates() -> None:
    assert date_format("'.'yyyy-MM-dd-HH")(NOON) == ".2019-01-28-12"
    assert date_format("yy w D E a")(NOON) == "19 5 28 Mon PM"


# --- configuration files --------------------------------------------------------------------------------


def configuration(appender: str, *, root: str = '<level value="INFO"/><appender-ref ref="a"/>') -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE log4j:configuration SYSTEM "log4j.dtd">
<log4j:configuration xmlns:log4j="http://jakarta.apache.org/log4j/">
  {appender}
  <root>{root}</root>
</log4j:configuration>
"""


PATTERN = '<param name="ConversionPattern" value="%p %m%n"/>'
LAYOUT = f'<layout class="org.apache.log4j.PatternLayout">{PATTERN}</layout>'


def appender(kind: str, inside: str = "", layout: str = LAYOUT, **parameters: str) -> str:
    given = "".join(f'<param name="{name}" value="{value}"/>' for name, value in parameters.items())
    return f'<appender name="a" class="org.apache.log4j.{kind}">{given}{layout}{inside}</appender>'


def read(folder: Path, text: str) -> LogConfiguration:
    path = folder / "log.xml"
    path.write_text(text)
    return read_log_configuration(path)


def emit(config: LogConfiguration, *records: logging.LogRecord) -> None:
    for handler in config.handlers:
        for made in records:
            if made.levelno >= handler.level:
                handler.handle(made)
        handler.close()


def test_file_appender_with_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUBATUS_PROCESS", "jubastat")
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    name = f"{tmp_path}/${{JUBATUS_PROCESS}}${{NOT_SET_ANYWHERE}}.log"
    config = read(tmp_path, configuration(appender("FileAppender", File=name)))
    assert config.level == logging.INFO
    emit(config, record("one"), record("två \udcff"))
    assert (tmp_path / "jubastat.log").read_text() == "INFO one\nINFO två \\udcff\n"


@pytest.mark.parametrize(("append", "text"), [("true", "old\nINFO hello\n"), ("false", "INFO hello\n")])
@pytest.mark.parametrize("kind", ["FileAppender", "RollingFileAppender", "DailyRollingFileAppender"])
def test_append(tmp_path: Path, kind: str, append: str, text: str) -> None:
    path = tmp_path / "x.log"
    path.write_text("old\n")
    os.utime(path, (NOON, NOON))
    emit(read(tmp_path, configuration(appender(kind, file=str(path), Append=append))), record())
    assert path.read_text() == text


def test_threshold(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    config = read(tmp_path, configuration(appender("FileAppender", File=str(path), Threshold="WARN")))
    emit(config, record("quiet"), record("loud", logging.ERROR))
    assert path.read_text() == "ERROR loud\n"


def test_rolling_by_size(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    text = configuration(
        appender("RollingFileAppender", File=str(path), MaxFileSize="1KB", MaxBackupIndex="2")
    )
    emit(read(tmp_path, text), *(record("x" * 600 + str(n)) for n in range(5)))
    assert [p.name for p in sorted(tmp_path.glob("x.log*"))] == ["x.log", "x.log.1", "x.log.2"]
    assert path.read_text().endswith("4\n")


def test_rolling_without_backups_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    text = configuration(
        appender("RollingFileAppender", File=str(path), MaxFileSize="1KB", MaxBackupIndex="0")
    )
    emit(read(tmp_path, text), *(record("x" * 600 + str(n)) for n in range(3)))
    assert [p.name for p in tmp_path.glob("x.log*")] == ["x.log"]
    assert path.read_text() == "INFO " + "x" * 600 + "2\n"


def test_rolling_by_date(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("before\n")
    os.utime(path, (NOON - DAY, NOON - DAY))
    config = read(tmp_path, configuration(appender("DailyRollingFileAppender", File=str(path))))
    emit(config, record("one"), record("two"), record("three", created=NOON + DAY))
    assert (tmp_path / "x.log.2019-01-27").read_text() == "before\n"
    assert (tmp_path / "x.log.2019-01-28").read_text() == "INFO one\nINFO two\n"
    assert path.read_text() == "INFO three\n"


def test_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emit(read(tmp_path, configuration(appender("ConsoleAppender"))), record("out"))
    emit(read(tmp_path, configuration(appender("ConsoleAppender", Target="System.err"))), record("err"))
    simple = '<layout class="org.apache.log4j.SimpleLayout"/>'
    emit(read(tmp_path, configuration(appender("ConsoleAppender", layout=simple))), record("simple"))
    captured = capsys.readouterr()
    assert captured.out == "INFO out\nINFO - simple\n"
    assert captured.err == "INFO err\n"


def test_loggers(tmp_path: Path) -> None:
    logger = (
        '<logger name="jubatus" additivity="false"><level value="debug"/><appender-ref ref="a"/></logger>'
    )
    text = configuration(appender("ConsoleAppender") + logger, root='<priority value="WARN"/>')
    config = read(tmp_path, text)
    assert (config.level, config.handlers) == (logging.WARNING, [])
    named = config.loggers["jubatus"]
    assert (named.level, named.additive, len(named.handlers)) == (logging.DEBUG, False, 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no xml", "not XML"),
        ("<other/>", "<other> instead of"),
        (configuration(""), "there is no appender named 'a'"),
        (configuration(appender("ConsoleAppender"), root=""), "no logger refers to an appender"),
        (configuration(appender("SyslogAppender")), "class org.apache.log4j.SyslogAppender is not supported"),
        (configuration(appender("rolling.RollingFileAppender")), "is not supported"),
        (configuration(appender("ConsoleAppender", Target="x")), "Target 'x'"),
        (configuration(appender("ConsoleAppender", Colour="x")), "parameter 'colour'"),
        (configuration(appender("ConsoleAppender", Threshold="x")), "'x' is not a level"),
        (configuration(appender("ConsoleAppender", layout="")), "one layout"),
        (configuration(appender("ConsoleAppender", inside="<filter/>")), "<filter> in appender 'a'"),
        (configuration(appender("ConsoleAppender", layout=LAYOUT.replace("%p", "%q"))), "'%q'"),
        (
            configuration(appender("ConsoleAppender", layout=LAYOUT.replace("Pattern", "HTML", 1))),
            "HTMLLayout",
        ),
        (configuration(appender("FileAppender")), "no parameter File"),
        (configuration(appender("FileAppender", File="/nonexistent/x.log")), "cannot open a log file"),
        (configuration(appender("FileAppender", File="x", Encoding="UTF-16")), "Encoding"),
        (configuration(appender("RollingFileAppender", File="x", MaxFileSize="big")), "MaxFileSize 'big'"),
        (
            configuration(appender("RollingFileAppender", File="x", MaxBackupIndex="-1")),
            "MaxBackupIndex '-1'",
        ),
        (configuration("<renderer/>"), "<renderer> is not supported"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(LogConfigurationError) as caught:
        read(tmp_path, text)
    assert why in str(caught.value)
    assert "log.xml" in str(caught.value)


def test_an_empty_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(EmptyLogConfiguration, match=r"^invalid log configuration$"):
        read(tmp_path, " \n\t")
