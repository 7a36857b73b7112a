use maniple_context::code::Language;

use crate::{assert_parts, items};

#[test]
fn items_of_a_file_are_found_with_their_names() {
    let text = "\
import os
from a import b
LIMIT = 3
__all__ = ['f']
x = compute()
def f():
    def inner():
        return lambda y: (
            y
        )
    return inner
class Wide(Base):
    FIELD: int = 1
    class Inner:
        pass
    @property
    def short(self): return 1
    async def größe(self):
        return 2
    def test_it(self):
        pass
try:
    import json
except ImportError:
    def loads(text):
        return text
if __name__ == '__main__':
    f()
";
    let expected = "\
Import 1-1
Import 2-2
Constant LIMIT 3-3
Constant __all__ 4-4
Statements 5-5
Function f 6-11
  Function inner 7-10
Class Wide 12-21
  Constant FIELD 13-13
  Class Inner 14-15
  Method short 16-17
  Method größe 18-19
  Test test_it 20-21
Statements 22-24
Function loads 25-26
Function __name__ 27-28
";
    assert_eq!(items(Language::Python, text), expected);
}

#[test]
fn lines_play_their_parts() {
    assert_parts(
        Language::Python,
        "
s#!/usr/bin/env python3
s\"\"\"The file.
s
dMore.
d\"\"\"
sfrom a import (
s    b,
s)
s
sTABLE = {
b    1: 2,
s}
s
s# Says what it does.
s@cached(
s    size=1,
s)
sasync def f(
s    a: int,
s) -> int:
s    \"\"\"
s    Does it.
s
d    More.
d    \"\"\"
b    return 1
b
sclass A:
s    '''One line.'''
s
b    x: int = 2
b
s    def b(self):
b        # Why.
b
b        return 3
s    def c(self): return 4
",
    );
}
