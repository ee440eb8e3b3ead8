"""Flags, variables and routes are known in the forms that many languages write them, with their defaults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.review.interface_names import Sighting, is_settings, line_interfaces, python_interfaces


@pytest.mark.parametrize(
    ("path", "line", "name", "kind", "default"),
    [
        ("cli.go", 'fs.StringVar(&mode, "dry-run", "no", "usage")', "--dry-run", "flag", "no"),
        ("cli.go", 'flag.Int("retries", 3, "usage")', "--retries", "flag", "3"),
        ("cli.go", 'cmd.Flags().StringVarP(&out, "output", "o", "json", "usage")', "--output", "flag", "json"),
        ("cli.ts", "program.option('-r, --retries <n>', 'how often', 3)", "--retries", "flag", "3"),
        ("cli.js", ".option('dry-run', {", "--dry-run", "flag", ""),
        ("cli.rs", '#[arg(long = "dry-run", default_value_t = 3)]', "--dry-run", "flag", "3"),
        ("cli.rs", 'Arg::new("x").long("dry-run").default_value("no")', "--dry-run", "flag", "no"),
        ("Cli.java", '@Option(names = {"-r", "--retries"}, defaultValue = "3")', "--retries", "flag", "3"),
        ("cli.rb", "opts.on('-r', '--retries NUMBER') do |n|", "--retries", "flag", ""),
        ("run.sh", "  -n|--dry-run) dry=1 ;;", "--dry-run", "flag", ""),
        ("app.ts", "const token = process.env.SHOP_TOKEN ?? 'none'", "SHOP_TOKEN", "variable", "none"),
        ("app.go", 'os.Getenv("SHOP_TOKEN")', "SHOP_TOKEN", "variable", ""),
        ("app.rb", "ENV.fetch('SHOP_TOKEN', 'none')", "SHOP_TOKEN", "variable", "none"),
        ("app.rs", 'env::var("SHOP_TOKEN").unwrap_or("none".into())', "SHOP_TOKEN", "variable", "none"),
        ("App.java", 'System.getenv().getOrDefault("SHOP_TOKEN", "none")', "SHOP_TOKEN", "variable", "none"),
        ("run.sh", ': "${SHOP_TOKEN:=none}"', "SHOP_TOKEN", "variable", "none"),
        ("compose.yml", "      SHOP_TOKEN: ${SHOP_TOKEN:-none}", "SHOP_TOKEN", "variable", "none"),
        ("docker-compose.prod.yaml", "      - SHOP_TOKEN=none", "SHOP_TOKEN", "variable", "none"),
        ("Dockerfile", "ENV SHOP_TOKEN=none", "SHOP_TOKEN", "variable", "none"),
        (".env.example", "SHOP_TOKEN=none", "SHOP_TOKEN", "variable", "none"),
        ("app.ts", "app.get('/api/cart/:id', show)", "/api/cart/:id", "route", ""),
        ("app.go", 'mux.HandleFunc("GET /api/cart/{id}", show)', "/api/cart/{id}", "route", ""),
        ("app.rs", '.route("/api/cart", get(show))', "/api/cart", "route", ""),
        ("App.java", '@GetMapping("/api/cart")', "/api/cart", "route", ""),
        ("routes.rb", "get '/api/cart', to: 'cart#show'", "/api/cart", "route", ""),
        ("app.php", "Route::get('/api/cart', 'Cart@show');", "/api/cart", "route", ""),
    ],
)
def test_a_line_tells_a_name_and_its_default(path: str, line: str, name: str, kind: str, default: str) -> None:
    assert line_interfaces(path, [(7, line)])[name] == Sighting(kind, 7, default)


@pytest.mark.parametrize(
    ("code", "name", "kind", "default"),
    [
        ('add("--retries",\n    type=int,\n    default=3,\n)', "--retries", "flag", "3"),
        ('click.option("-r", "--retries", default=3)', "--retries", "flag", "3"),
        ('x = typer.Option(3, "--retries")', "--retries", "flag", "3"),
        ('os.environ.get("SHOP_TOKEN", "none")', "SHOP_TOKEN", "variable", "none"),
        ('os.environ["SHOP_TOKEN"]', "SHOP_TOKEN", "variable", ""),
        ('x: int = Field(\n    30,\n    validation_alias="SHOP_TOKEN",\n)', "SHOP_TOKEN", "variable", "30"),
        ('env.int("SHOP_TOKEN", -1)', "SHOP_TOKEN", "variable", "-1"),
        ('@app.get("/api/cart/{id}")\ndef show(): ...', "/api/cart/{id}", "route", ""),
        ('path("api/cart/<int:id>/", show)', "/api/cart/<int:id>/", "route", ""),
    ],
)
def test_python_is_read_by_its_syntax(code: str, name: str, kind: str, default: str) -> None:
    found = python_interfaces(code.encode())

    assert found is not None
    assert (found[name].kind, found[name].default) == (kind, default)


@pytest.mark.parametrize("code", ['"""Pass --retries or SHOP_TOKEN."""', "# --retries SHOP_TOKEN", "retries = 1"])
def test_what_python_only_speaks_of_is_no_name(code: str) -> None:
    assert python_interfaces(code.encode()) == {}


def test_python_that_cannot_be_parsed_is_told() -> None:
    assert python_interfaces(b"def (") is None


@pytest.mark.parametrize("path", ["compose.yaml", "deploy/docker-compose.yml", "Dockerfile", "app/.env", "web.env"])
def test_settings_are_known_by_their_names(path: str) -> None:
    assert is_settings(path)
    assert not is_settings(f"{path}.md")


@given(st.text(max_size=300), st.sampled_from(["a.py", "a.go", "a.ts", "a.rs", "a.sh", "compose.yml", "a"]))
def test_any_line_is_read(line: str, path: str) -> None:
    for name, sighting in line_interfaces(path, [(1, line)]).items():
        assert name.removeprefix("--") in line
        assert sighting.line == 1


@pytest.mark.parametrize("line", ["${" * 5_000, '"--' + "a-" * 5_000, "get(" * 3_000, "A_" * 5_000, "option('" * 2_000])
@pytest.mark.parametrize("path", ["a.ts", "a.go", "a.sh", "compose.yml"])
def test_case_43_a_line_made_to_keep_a_pattern_busy_is_soon_done(path: str, line: str) -> None:
    assert isinstance(line_interfaces(path, [(1, line)] * 20), dict)
