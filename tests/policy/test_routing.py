"""Which provider serves a request, and which dialect it speaks."""

import pytest

from wellhead.directory import Directory, Provider, ProviderType
from wellhead.errors import CallerError
from wellhead.policy.routing import Place, advice, choose, family, place, stays_below, target

OPENAI = Provider("openai", ProviderType.OPENAI, "https://api.openai.com")
ANTHROPIC = Provider("anthropic", ProviderType.ANTHROPIC, "https://api.anthropic.com")
GEMINI = Provider("gemini", ProviderType.GEMINI, "https://generativelanguage.googleapis.com")
OLLAMA = Provider("ollama", ProviderType.OLLAMA, "http://127.0.0.1:11434")
GROQ = Provider("groq", ProviderType.OPENAI, "https://api.groq.com/openai")
VLLM = Provider("vllm", ProviderType.OPENAI, "http://gpu-1:8000", models=("llama", "qwen"))
BUILT_IN = (OPENAI, ANTHROPIC, GEMINI, OLLAMA, GROQ)
DIRECTORY = Directory((VLLM, *BUILT_IN))


def at(path: str, method: str = "POST", selected: str | None = None) -> Place:
    found = place(DIRECTORY, method, path, selected)
    assert found is not None
    return found


def provider_of(path: str, model: str | None = None, named: str | None = None) -> str:
    return choose(DIRECTORY, at(path), model, named).id


@pytest.mark.parametrize(
    ("path", "provider", "dialect"),
    [
        ("/v1/chat/completions", "openai", "openai_chat"),
        ("/v1/completions", "openai", "openai_completions"),
        ("/v1/responses", "openai", "openai_responses"),
        ("/v1/embeddings", "openai", "openai_embeddings"),
        ("/v1/images/generations", "openai", "openai_images"),
        ("/v1/audio/transcriptions", "openai", "openai_transcription"),
        ("/v1/messages", "anthropic", "anthropic_messages"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini", "gemini"),
        ("/v1/models/gemini-2.5-flash:streamGenerateContent", "gemini", "gemini"),
        ("/v1beta/models/text-embedding-004:embedContent", "gemini", "gemini_embed"),
        ("/models/gemini-2.5-flash:generateContent", "gemini", "gemini"),
        ("/api/chat", "ollama", "ollama_chat"),
        ("/api/generate", "ollama", "ollama_generate"),
        ("/api/embed", "ollama", "ollama_embed"),
        ("/groq/v1/chat/completions", "groq", "openai_chat"),
        ("/vllm/v1/messages", "vllm", "anthropic_messages"),
    ],
)
def test_the_path_tells_the_provider_and_the_dialect(path: str, provider: str, dialect: str) -> None:
    assert provider_of(path, "gpt-5") == provider
    assert at(path).dialect == dialect
    assert at(path).generates is True


@pytest.mark.parametrize(
    "path", ["/v1/messages/count_tokens", "/api/show", "/api/pull", "/v1beta/models/g:countTokens"]
)
def test_naming_a_model_without_generating_leaves_no_row(path: str) -> None:
    assert at(path).generates is False


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions;/tokenize",
        "/v1/chat/completions/../completions/tokenize",
        "/v1/chat/completions#/tokenize",
        "/v1/chat/completions%2f..%2ftokenize/tokenize",
        "/v1/chat/completions\0/tokenize",
        "/v1/chat/completions\\..\\/tokenize",
        "/api/chat/../show/api/show",
    ],
)
def test_a_path_that_only_ends_as_if_it_did_not_generate_is_booked(path: str) -> None:
    assert at(path).generates is not False


@pytest.mark.parametrize("path", ["/v1/models", "/v1/files", "/v1/chat/completions"])
def test_only_a_post_generates(path: str) -> None:
    assert at(path, "GET").generates is False


def test_an_unknown_post_generates_if_its_body_names_a_model() -> None:
    assert at("/v1/rerank").generates is None
    assert at("/v1/rerank").dialect is None


def test_gemini_names_model_and_streaming_in_the_path() -> None:
    found = at("/v1beta/models/gemini-2.5-pro:streamGenerateContent")
    assert (found.model, found.streamed) == ("gemini-2.5-pro", True)
    assert at("/v1beta/tunedModels/mine:generateContent").model == "mine"
    assert at("/v1/models/a:b:generateContent").model == "a:b"
    assert at("/v1/projects/p/locations/l/publishers/google/models/g:generateContent").model == "g"


@pytest.mark.parametrize("path", ["/", "/metrics", "/admin/usage", "/_qs/metrics", "/v1", "/nowhere/v1/x"])
def test_everything_else_is_not_served(path: str) -> None:
    assert place(DIRECTORY, "GET", path, None) is None


@pytest.mark.parametrize(
    ("path", "meant", "spoken"),
    [
        ("/v1/v1/messages", "/v1/messages", ProviderType.ANTHROPIC),
        ("/v1/v1/chat/completions", "/v1/chat/completions", ProviderType.OPENAI),
        ("/v1beta/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent", ProviderType.GEMINI),
        ("/v1/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent", ProviderType.GEMINI),
        ("/v1/api/chat", "/api/chat", ProviderType.OLLAMA),
    ],
)
def test_a_version_that_is_there_twice_goes_to_nobody_with_the_key_of_another(
    path: str, meant: str, spoken: ProviderType
) -> None:
    assert place(DIRECTORY, "POST", path, None) is None
    assert advice(path) == f"; for {meant} take the version out of the client's base URL"
    assert family(path) is spoken


def test_a_version_that_is_there_twice_passes_where_it_is_asked_for() -> None:
    alone = Directory(sole=OPENAI)
    wanted = Directory((Provider("odd", ProviderType.OPENAI, "http://o", paths=("/v1/v1/x",)), *BUILT_IN))
    assert place(alone, "POST", "/v1/v1/chat/completions", None) is not None
    assert place(wanted, "POST", "/v1/v1/x", None) is not None
    assert at("/groq/v1/v1/x").provider is GROQ
    assert at("/v1/v1/x", selected="groq").provider is GROQ


@pytest.mark.parametrize("path", ["/chat/completions", "/responses", "/models", "/messages/count_tokens"])
def test_a_version_that_is_missing_is_asked_for(path: str) -> None:
    assert place(DIRECTORY, "POST", path, None) is None
    assert advice(path) == f"; for /v1{path} the client's base URL has to end in /v1"


def test_who_looks_for_the_dashboard_at_the_gateway_is_told_where_it_is() -> None:
    for path in ("/", "/admin", "/admin/stats", "/metrics", "/_qs/metrics"):
        assert "control.bind" in advice(path)
    assert advice("/favicon.ico") == ""


def test_a_model_list_takes_what_equals_or_begins_with_an_entry() -> None:
    assert provider_of("/v1/chat/completions", "llama-3-70b") == "vllm"
    assert provider_of("/v1/chat/completions", "gpt-5") == "openai"


def test_the_header_wins_over_path_and_body() -> None:
    found = at("/v1/chat/completions", selected="groq")
    assert choose(DIRECTORY, found, "llama-3", "openai").id == "groq"
    assert found.prefix_size == 0


def test_an_unknown_provider_in_the_header_is_the_callers_mistake() -> None:
    with pytest.raises(CallerError) as caught:
        place(DIRECTORY, "POST", "/v1/chat/completions", "grok")
    assert (caught.value.code, caught.value.status) == ("unknown_provider", 400)
    assert "groq" in caught.value.message


def test_the_body_names_a_provider_that_serves_the_path_and_takes_the_model() -> None:
    assert provider_of("/v1/chat/completions", "gpt-5", "groq") == "groq"
    assert provider_of("/v1/chat/completions", "gpt-5", "vllm") == "openai"
    assert provider_of("/v1/chat/completions", "gpt-5", "unheard-of") == "openai"


def test_exact_paths_decide_whatever_the_family() -> None:
    odd = Provider("odd", ProviderType.OPENAI, "http://odd", paths=("/v1/messages",))
    directory = Directory((odd, *BUILT_IN))
    found = place(directory, "POST", "/v1/messages", None)
    assert found is not None
    assert choose(directory, found, "claude", None) is odd


def test_no_provider_for_a_path_is_said() -> None:
    directory = Directory((OLLAMA,))
    found = place(directory, "POST", "/v1/messages", None)
    assert found is not None
    with pytest.raises(CallerError, match="no configured provider"):
        choose(directory, found, "claude", None)


def test_a_sole_upstream_takes_every_path() -> None:
    sole = Provider("upstream", ProviderType.OPENAI, "http://127.0.0.1:11434")
    directory = Directory(BUILT_IN, sole=sole)
    for path in ("/", "/v1/messages", "/groq/v1/x", "/api/tags"):
        found = place(directory, "GET", path, "groq")
        assert found is not None
        assert choose(directory, found, None, None) is sole


@pytest.mark.parametrize(
    ("base_url", "raw_path", "query", "sent"),
    [
        ("http://u", b"/v1/chat/completions", b"", b"/v1/chat/completions"),
        ("http://u/api", b"/v1/messages", b"beta=true", b"/api/v1/messages?beta=true"),
        ("http://u/v1", b"/v1/chat/completions", b"", b"/v1/chat/completions"),
        ("http://u/openai/v1", b"/v1/models", b"a=%2F&b", b"/openai/v1/models?a=%2F&b"),
        ("http://u/v1", b"/v1beta/models", b"", b"/v1/v1beta/models"),
        ("http://u", b"//x/../%7euser/", b"", b"//x/../%7euser/"),
    ],
)
def test_the_target_is_sent_byte_for_byte(base_url: str, raw_path: bytes, query: bytes, sent: bytes) -> None:
    assert target(Provider("u", ProviderType.OPENAI, base_url), raw_path, query) == sent


def test_an_upstream_path_replaces_the_requests() -> None:
    provider = Provider("u", ProviderType.OPENAI, "http://u/x", upstream_path="/chat")
    assert target(provider, b"/v1/chat/completions", b"q=1") == b"/x/chat?q=1"


UP = [
    b"/..",
    b"/v1/../admin",
    b"/../admin",
    b"/v1/a/../../../admin",
    # Also where it would lead back: how far a server goes up is its own affair.
    b"/v1/chat/../models",
    b"/v1/%2e%2e/admin",
    b"/v1/.%2E/admin",
    b"/v1/..%2fadmin",
    b"/v1%2F..%2Fadmin",
    b"/v1/..%5cadmin",
    b"/v1\\..\\admin",
    b"/v1/..\\admin",
    b"/v1/%252e%252e/admin",
    b"/v1/%25252e%25252e/admin",
    b"/v1/..;/admin",
    b"/v1/..;a=b/admin",
    b"/v1/..%3b/admin",
    b"/v1/..%3fx",
    b"/v1/..%23x",
    b"/v1/..%00",
    b"/v1/..%20/admin",
    b"/v1/%09../admin",
    b"/v1/%c0%ae%c0%ae/admin",
    b"/v1/..%c0%afadmin",
    # Nobody means this.
    b"/v1/%2525252525252e",
]
BELOW = [
    b"/v1/chat/completions",
    b"/v1/models/gpt-5.1",
    b"/v1/./models",
    b"/v1//models",
    b"/v1/...",
    b"/v1/..a/b..",
    b"/v1/a..b",
    b"/v1/a%20b%2fc",
    b"/v1/100%/%zz",
    b"/v1/a%2520b",
    b"",
]
WITH_PATH = Provider("u", ProviderType.OPENAI, "https://host/v1")


@pytest.mark.parametrize("raw_path", UP)
def test_a_path_that_may_lead_out_of_a_base_url_does_not_stay_below_it(raw_path: bytes) -> None:
    assert not stays_below(WITH_PATH, raw_path)


@pytest.mark.parametrize("raw_path", BELOW)
def test_any_other_path_stays_below_it(raw_path: bytes) -> None:
    assert stays_below(WITH_PATH, raw_path)


@pytest.mark.parametrize("raw_path", [*UP, *BELOW])
def test_nothing_leads_out_of_a_base_url_without_a_path_or_one_that_says_the_path(raw_path: bytes) -> None:
    for base_url in ("https://host", "https://host/", "http://127.0.0.1:8080"):
        assert stays_below(Provider("u", ProviderType.OPENAI, base_url), raw_path)
    fixed = Provider("u", ProviderType.OPENAI, "https://host/v1", upstream_path="/chat")
    assert stays_below(fixed, raw_path)
