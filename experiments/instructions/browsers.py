"""Browser-like heads, as varied.lua has them for wrk: no two share a path, a query or a cookie."""

_CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
_OTHERS = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_HOST = "127.0.0.1:8080"

# Lehmer's generator.
_FACTOR, _MODULUS = 16807, 2147483647


def _chromium(agent: str, version: str, platform: str) -> list[str]:
    mobile = platform == "Android"
    return [
        "Connection: keep-alive",
        f'sec-ch-ua: "Google Chrome";v="{version}", "Chromium";v="{version}", "Not_A Brand";v="99"',
        f"sec-ch-ua-mobile: ?{int(mobile)}",
        f'sec-ch-ua-platform: "{platform}"',
        "Upgrade-Insecure-Requests: 1",
        f"User-Agent: Mozilla/5.0 ({agent}) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{version}.0.0.0 {'Mobile ' * mobile}Safari/537.36",
        f"Accept: {_CHROMIUM}",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
        "Accept-Encoding: gzip, deflate, br, zstd",
    ]


def _firefox(agent: str, version: str) -> list[str]:
    return [
        f"User-Agent: Mozilla/5.0 ({agent}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0",
        f"Accept: {_OTHERS}",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Connection: keep-alive",
        "Upgrade-Insecure-Requests: 1",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: same-origin",
        "Priority: u=0, i",
    ]


def _safari(agent: str, version: str, tail: str) -> list[str]:
    return [
        "Sec-Fetch-Dest: document",
        f"User-Agent: Mozilla/5.0 ({agent}) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        f"Version/{version} {tail}",
        f"Accept: {_OTHERS}",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: navigate",
        "Accept-Encoding: gzip, deflate, br",
        "Connection: keep-alive",
    ]


_WINDOWS, _MAC = "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7"
_BROWSERS = (
    _chromium(_WINDOWS, "142", "Windows"),
    _chromium(_WINDOWS, "141", "Windows"),
    _chromium(_MAC, "142", "macOS"),
    _chromium("Linux; Android 10; K", "142", "Android"),
    _chromium("Linux; Android 10; K", "140", "Android"),
    _firefox(_WINDOWS, "145"),
    _firefox("X11; Linux x86_64", "140"),
    _safari(_MAC, "26.1", "Safari/605.1.15"),
    _safari("iPhone; CPU iPhone OS 18_7 like Mac OS X", "26.1", "Mobile/15E148 Safari/604.1"),
)
_LANGUAGES = (
    *("en-US,en;q=0.9", "en-GB,en;q=0.9", "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"),
    *("fr-FR,fr;q=0.9,en;q=0.8", "es-ES,es;q=0.9,en;q=0.8", "pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7"),
    *("ja,en-US;q=0.9,en;q=0.8", "zh-CN,zh;q=0.9,en;q=0.8"),
)
_PAGES = ("articles", "products", "users", "orders", "search", "help", "blog", "media")

_HEADS = [
    "\r\n".join(
        (
            *(f"Host: {_HOST}", *browser, f"Accept-Language: {language}"),
            *(f"Referer: http://{_HOST}/{_PAGES[number % len(_PAGES)]}", "Cookie: theme=dark; "),
        )
    )
    for number, (browser, language) in enumerate((b, c) for b in _BROWSERS for c in _LANGUAGES)
]


def varied(number: int) -> bytes:
    """The request of this number, from 0 on."""
    state = (number + 1) * _FACTOR % _MODULUS * _FACTOR % _MODULUS
    page, head = _PAGES[number % len(_PAGES)], _HEADS[state % len(_HEADS)]
    target = f"/{page}/{1000000 + number}?from={state}"
    return f"GET {target} HTTP/1.1\r\n{head}session={state}{1000000 + number}\r\n\r\n".encode()
