from services.console.api.runbooks import read_runbook, runbook_names, to_html


def test_a_runbook_is_headings_paragraphs_lists_tables_and_code():
    html = to_html(
        "# Title\n\nOne `a<b` and **two**\nlines.\n\n- x\n  y\n- z\n\n1. first\n2. second\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nls <x>\n```\n"
    )
    assert "<h1>Title</h1>" in html
    assert "<p>One <code>a&lt;b</code> and <strong>two</strong> lines.</p>" in html
    assert "<ul><li>x y</li><li>z</li></ul>" in html
    assert "<ol><li>first</li><li>second</li></ol>" in html
    assert "<thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody>" in html
    assert "<pre><code>ls &lt;x&gt;</code></pre>" in html


def test_links_lead_to_pages_and_other_runbooks_and_nowhere_else():
    html = to_html("[a](https://e.org/x) [b](Other.md) [c](javascript:alert) [d](/runbooks)")
    assert '<a href="https://e.org/x">a</a>' in html
    assert '<a href="/runbooks/Other">b</a>' in html
    assert 'href="javascript' not in html


def test_whatever_stands_in_a_runbook_is_escaped():
    html = to_html('<script>x</script>\n\n# <img onerror="x">\n\n[x](https://e.org/"onclick="x)')
    assert "<script" not in html
    assert "<img" not in html
    assert 'onclick="' not in html


def test_code_is_left_as_it_is():
    assert "<code>**not strong** [no](https://link)</code>" in to_html("`**not strong** [no](https://link)`")


def test_an_open_fence_ends_with_the_file():
    assert to_html("```\na") == "<pre><code>a</code></pre>"


def test_only_runbooks_of_the_folder_are_read(tmp_path):
    (tmp_path / "Alert.md").write_text("# A")
    (tmp_path.parent / "secret.md").write_text("s")
    assert runbook_names(tmp_path) == ["Alert"]
    assert read_runbook(tmp_path, "Alert") == "# A"
    for name in ("Other", "../secret", "Alert.md", "", "/etc/passwd", "Alert\x00"):
        assert read_runbook(tmp_path, name) is None
    assert runbook_names(tmp_path / "nowhere") == []
