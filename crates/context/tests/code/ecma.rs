use maniple_context::code::Language;

use crate::{assert_parts, items};

const SCRIPT: &str = "\
#!/usr/bin/env node
import { a } from './a';
export * from './c';
const fs = require('fs');
const LIMIT = 3;
const short = () => 1;
export const arrow = async (x) => {
  return x;
};
export default function* all() {
  yield 1;
}
class Wide extends Base {
  static count = 0;
  handler = (event) => {
    this.count = 2;
  };
  async größe() {
    function local() {
      return 1;
    }
    return this.list.map((x) => {
      return x;
    });
  }
  get short() { return 1 }
}
const table = {
  one: 1,
  run() {
    return 1;
  },
  go: function () {
    return 2;
  },
};
describe('it', () => {
  it('works', async () => {
    expect(1);
  });
});
app.get('/', (request, response) => {
  response.send();
});
Wide.prototype.more = function () {
  return 1;
};
(function () {
  function hidden() {
    return 1;
  }
})();
fetch('a')
  .then(() => {
    done();
  });
";

const SCRIPT_ITEMS: &str = "\
Statements 1-1
Import 2-2
Import 3-3
Import fs 4-4
Constant LIMIT 5-5
Function short 6-6
Function arrow 7-9
Function all 10-12
Class Wide 13-27
  Method handler 15-17
  Method größe 18-25
    Function local 19-21
  Method short 26-26
Constant table 28-36
  Method run 30-32
  Method go 33-35
Test describe 37-41
  Test it 38-40
Function app.get 42-44
Function Wide.prototype.more 45-47
Module 48-52
  Function hidden 49-51
Statements 53-56
";

#[cfg(feature = "lang-javascript")]
#[test]
fn items_of_a_script_are_found_with_their_names() {
    assert_eq!(items(Language::JavaScript, SCRIPT), SCRIPT_ITEMS);
}

#[cfg(feature = "lang-typescript")]
#[test]
fn a_script_is_read_as_typescript_too() {
    assert_eq!(items(Language::TypeScript, SCRIPT), SCRIPT_ITEMS);
    assert_eq!(items(Language::Tsx, SCRIPT), SCRIPT_ITEMS);
}

#[cfg(feature = "lang-typescript")]
#[test]
fn items_of_types_are_found_with_their_names() {
    let text = "\
import type { B } from './b';
export interface Shape<T> extends B {
  area(
    x: number,
  ): number;
}
export type Either = 'a' | 'b';
enum Color {
  Red,
}
declare module 'x' {
  export function y(): void;
}
namespace N {
  export const q: number = 1;
}
export abstract class Service<T> implements Shape<T> {
  private readonly x: number = 1;
  constructor(private readonly a: A) {
    super();
  }
  abstract foo(): void;
  bar(a: string): void;
  @Log()
  bar(a: any) {
    return a;
  }
}
export function over(a: string): string;
export function over(a: any) {
  return a;
}
";
    let expected = "\
Import 1-1
Type Shape 2-6
Type Either 7-7
Type Color 8-10
Module 'x' 11-13
  Function y 12-12
Module N 14-16
  Constant q 15-15
Class Service 17-28
  Method constructor 19-21
  Method foo 22-22
  Method bar 23-23
  Method bar 24-27
Function over 29-29
Function over 30-32
";
    assert_eq!(items(Language::TypeScript, text), expected);
}

#[cfg(feature = "lang-typescript")]
#[test]
fn lines_play_their_parts() {
    assert_parts(
        Language::Tsx,
        "
s/**
s * The file.
d */
d
simport {
s  a,
s} from './a';
s
s/** One line. */
s@Injectable({
s  a: 1,
s})
sexport class Service
s{
b  x = 1;
s  // Says why.
s  private async run(
s    a: string,
s  ): Promise<void> {
b    await a;
s  }
s}
s
s/**
s * A view.
d * More.
d */
sexport const View = React.memo(({ a }: Props) => {
b  useEffect(() => {
b    a();
b  }, []);
b  return (
b    <div onClick={() => {
b      a();
b    }}>
b      text
b    </div>
b  );
s});
",
    );
}
