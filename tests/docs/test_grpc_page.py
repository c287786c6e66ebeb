"""The typed check on the page about gRPC runs, and prints what stands below it."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/reference/grpc.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_shows(product, capsys):
    code, shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL).groups()
    assert code.count("127.0.0.1:50051") == 1
    exec(compile(code.replace("127.0.0.1:50051", product.grpc), "grpc.md", "exec"), {})
    assert capsys.readouterr().out == shown
