"""EventBridge with the AWS CLI: the commands of the user guide, against a real queue service."""

from __future__ import annotations

import json
from pathlib import Path

from holdfast.testing import Account, Server
from tests.clients.aws_cli.test_aws_cli import Cli
from tests.services.events.conftest import Receiver


def test_a_rule_from_its_making_to_its_end(tmp_path: Path) -> None:
    receiver = Receiver()
    with Server(arguments=("--allow-private-targets",)) as server:
        account: Account = server.home
        aws = Cli(account, tmp_path)
        assert [bus["Name"] for bus in aws("events list-event-buses")["EventBuses"]] == ["default"]
        pattern = '{"source":["app"],"detail":{"n":[{"numeric":[">",1]}]}}'
        arn = f"arn:aws:events:us-east-1:{account.account}:rule/MyRule1"
        assert aws(f"events put-rule --name MyRule1 --event-pattern '{pattern}'")["RuleArn"] == arn
        aws("events put-rule --name MyRule2 --schedule-expression 'cron(5,35 14 * * ? *)'")
        assert "ScheduleExpression is not valid" in aws.fails(
            "events put-rule --name MyRule3 --schedule-expression 'rate(1 hours)'"
        )
        target = f"Id=q,Arn={receiver.url}/1/q,InputPath=$.detail"
        assert aws(f"events put-targets --rule MyRule1 --targets '{target}'")["FailedEntryCount"] == 0
        entries = tmp_path / "entries.json"
        entries.write_text(
            json.dumps([{"Source": "app", "DetailType": "t", "Detail": json.dumps({"n": n})} for n in (1, 2)])
        )
        assert aws(f"events put-events --entries file://{entries}")["FailedEntryCount"] == 0
        assert receiver.next().json["MessageBody"] == '{"n":2}'
        names = ("id", "account", "source", "time", "region", "resources", "detail-type")
        event = json.dumps({**dict.fromkeys(names, "x"), "source": "app", "detail": {"n": 1}})
        tested = aws(f"events test-event-pattern --event-pattern '{pattern}' --event '{event}'")
        assert tested["Result"] is False
        assert "Rule can't be deleted since it has targets." in aws.fails("events delete-rule --name MyRule1")
        aws("events remove-targets --rule MyRule1 --ids q")
        aws("events delete-rule --name MyRule1")
        assert [rule["Name"] for rule in aws("events list-rules")["Rules"]] == ["MyRule2"]
    receiver.close()
