from driftline.alerting.config import load

ROUTING = load(
    """
route:
  receiver: mail
  routes:
    - matchers: ['priority="critical"']
      receiver: pager
      continue: true
      routes:
        - matchers: ['alert_type="data_quality"']
          receiver: data
    - matchers: ['priority!="low"', 'model_id=']
      receiver: chat
receivers:
  - name: mail
  - name: pager
  - name: data
  - name: chat
"""
)


def receivers(**labels: str) -> list[str]:
    return [route.receiver for route in ROUTING.root.match(labels)]


def test_without_a_matching_child_the_root_receives() -> None:
    assert receivers(priority="low") == ["mail"]


def test_continue_tries_the_siblings_too() -> None:
    assert receivers(priority="critical") == ["pager", "chat"]


def test_the_leaf_most_route_wins() -> None:
    assert receivers(priority="critical", alert_type="data_quality", model_id="m") == ["data"]


def test_an_absent_label_counts_as_empty() -> None:
    assert receivers() == ["chat"]
    assert receivers(priority="high", model_id="m") == ["mail"]
