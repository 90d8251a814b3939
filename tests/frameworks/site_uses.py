"""What people use of Django alone."""

import re

import httpx

from frameworks.uses import Web


class Site(Web):
    """The project in apps/site, by whichever interface."""

    NAME = "Django"

    def test_coroutines(self, client: httpx.Client) -> None:
        assert client.get("/wait").text == "waited"

    def test_the_admin_page(self, client: httpx.Client) -> None:
        page = client.get("/admin/", follow_redirects=True)
        assert page.url.path == "/admin/login/"
        assert client.get("/static/admin/css/base.css").status_code == 200
        word = {"username": "ada", "password": "not a secret"}
        assert client.post("/admin/login/", data=word).status_code == 403  # no token
        word |= _token(page)
        page = client.post("/admin/login/?next=/admin/", data=word, follow_redirects=True)
        assert "Site administration" in page.text
        page = client.get("/admin/site/note/add/")
        note = {"text": "by the <admin>", **_token(page)}
        page = client.post("/admin/site/note/add/", data=note, follow_redirects=True)
        assert "was added successfully" in page.text
        assert "by the &lt;admin&gt;" in page.text
        assert "by the <admin>" in client.get("/notes").json()


def _token(page: httpx.Response) -> dict[str, str]:
    match = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert match, page.text
    return {"csrfmiddlewaretoken": match[1]}
