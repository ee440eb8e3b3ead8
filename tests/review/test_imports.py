"""Which of the changed files use which others, in the languages in use."""

import pytest

from pipeline.review.imports import links


@pytest.mark.parametrize(
    ("path", "text", "target"),
    [
        ("src/shop/cart.py", "from shop.price import total", "src/shop/price.py"),
        ("src/shop/cart.py", "from shop import price, stock", "src/shop/stock.py"),
        ("src/shop/cart.py", "from .price import total", "src/shop/price.py"),
        ("src/shop/cart.py", "from . import util", "src/shop/util/__init__.py"),
        ("src/shop/cart.py", "import shop.price", "src/shop/price.py"),
        ("web/Cart.tsx", "import { sum } from './sum'", "web/sum.ts"),
        ("web/Cart.tsx", "import {\n  sum,\n} from './sum'", "web/sum.ts"),
        ("web/Cart.tsx", 'const sum = require("./sum")', "web/sum.ts"),
        ("web/Cart.tsx", 'export * from "../api"', "api/index.ts"),
        ("java/com/acme/Cart.java", "import com.acme.price.Price;", "java/com/acme/price/Price.java"),
        ("java/com/acme/Cart.java", "import static com.acme.price.Price.ZERO;", "java/com/acme/price/Price.java"),
        ("src/cart.rs", "use crate::price::total;", "src/price.rs"),
        ("src/cart.rs", "pub mod price;", "src/price.rs"),
        ("cmd/main.go", 'import (\n\t"fmt"\n\n\tcart "example.com/acme/shop/cart"\n)', "shop/cart/sum.go"),
        ("c/a.c", '#include "b.h"', "c/b.h"),
        ("lib/cart.rb", "require_relative 'price'", "lib/price.rb"),
    ],
)
def test_a_file_is_linked_with_what_it_names(path: str, text: str, target: str) -> None:
    assert target in links({path: f"{text}\n", target: "", "other/thing.py": ""})[path]


@pytest.mark.parametrize(
    ("path", "text", "other"),
    [
        ("shop/cart.py", "import os\nimport json", "tools/os.py"),
        ("shop/cart.py", "from shop.price import total", "web/total.py"),
        ("web/Cart.tsx", "import React from 'react'", "docs/react.md"),
        ("shop/cart.py", "from shop.cart import total", "shop/cart.py"),
    ],
)
def test_a_namesake_elsewhere_is_none_and_nothing_is_linked_with_itself(path: str, text: str, other: str) -> None:
    assert links({path: text, other: ""})[path] == ()


def test_a_file_of_blanks_quotes_and_endless_lines_is_no_trouble() -> None:
    texts = {f"{n}.py": blob * 200_000 for n, blob in enumerate(["\n", " ", '"', "import ", "from . ", "a.b:"])}

    assert set(links(texts)) == set(texts)
