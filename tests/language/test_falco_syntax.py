"""Falco's parser tests (libs, filter/parser): the same conditions are accepted and rejected."""

from __future__ import annotations

import pytest

from tests.matching.verdicts import checked

MACROS = "".join(
    f"macro {name} = my.own exists\n"
    for name in ("a", "b", "c", "notb", "notz", "not_macro", "and_macro", "or_macro", "order")
)

TAKEN = [
    "  a", "(a)", "a and b", "a and b and c", "a and b and(c)", "(a)and(b)and(c)", "a or b or(c)", "(a)or(b)or(c)",
    "(my.a exists and b)", "(my.a exists) and (b)", "my.a=1 or my.b=2 and c", "not (a)", "not(a)", "not (not (a))",
    "not (my.b=1)", "my.b = 1 and not a", "not not a", "(not not a)", "not not(a)", "not(not(a))", "not(a)and(not(b))",
    "not not not not not(not not(not not_macro))", "my.b = not", "my.g in (1, 'a', b.c)", "fd.name=*.log", "my.b = my.a",
    "a and notb", "notz and a and b", "a and not(not_macro)", "((a) and (and_macro))", "a and or_macro", "order or a",
    "evt.arg[0] contains /bin", "evt.arg.a contains /bin",
    "my.s = 0a!@:/\\.;!$%^&*[]|", 'my.s = "0a!@#456:/.; !$%^&*[]{}|"', "my.s[0a!@#456:/\\.;!$%^&*(){}|] = x",
    "my.s[+0.25e+10] = a", 'my.s[""] = empty', "my.s['a aa'] = a", 'my.s["test \\"with\\" escaping"] = a',
    'my.s = "escape double quote \\" "', "my.s = 'escape single quote \\' '", "my.s = 'mixed \"'", 'my.s = "bad escape \\ "',
    "my.n > 1000", "my.n < +1", "my.n >= -1", "my.n <= 0x12345", "my.n <= 0XaB00AB", "my.n > 1.2", "my.n > -0.1222e+10",
    "my.s = !0.1222e+10", "my.s = 0xAAA.1", "my.s = 0aaaaa", "my.l in ()", "my.l in()", "my.l intersects()", "my.l pmatch()",
    "my.l in ('single-quoted', \"double-quoted\")", "my.l in (0a!@:/\\.;!$%^&*[]|, value)", "my.o =value", "my.o !=value",
    "my.o bcontains 48545450", "my.o bstartswith 12ab001fc5", "my.o >=1", "b64(my.f) glob value", "b64( my.f) exists",
    "b64(my.f ) exists", "b64(b64( my.f)) exists", "b64(b64(my.f) ) exists", "my.f = b64( my.g)", "my.f = b64 and(a)",
    "my.f = b64 or(a)", "my.f in b64(my.g)", "not my.f = b64(my.g) or my.f contains b64(my.g)",
    "(tolower(my.f) = b64(my.g))", "proc.aname exists", "proc.aname[2] = a", "proc.aname[-1] = a", "proc.env exists",
    "proc.env[HOME] = a", "proc.aenv[HOME] = a", "proc.aenv[2] = a", "fd.types[0] in (a)", "evt.around[404]=1000",
    "evt.type.is.open = 1", "evt.abspath = a", "evt.abspath.src = a", "thread.cgroup.cpuacct = a", "k8s.pod.label[a.io/b] = c",
    "container.mount.dest[/proc*] = a", "ka.user.groups[0] in (a)", "json.value[/a/b] = c",
]  # fmt: skip
REFUSED = [
    "a andb", "aand b", "a and b and", "a and b or", "a and b not", "and a", "or a", "a or b and", "a or b not", "a not b",
    "a orb", "aor b", "a and or b", "a andor b", "a notb", "anot b", "a andnot b", "(a)andnot(b)", "a ornot b", "()",
    "evt.arg[] contains /bin", "my.b = b = 1", "(my.b = 1", "my.a invalidoperator xxx", "a > 12", "a = 12", "not", "not()",
    "my.g in ( 1 ,, , b)", "fd.name=/var/lo);g/httpd.log", "my.s = a,", "my.s = a=", "my.s = a('\")", "my.s = '",
    "my.s = '\"", "my.s = missing start quote", "my.s = 'missing end quote", 'my.s = "broken quote""', "my.s = 'mixed \\\"'",
    'my.s = "mixed \\\'"', "my.s[0a[]] = x", "my.s[[] = x", "my.s[]] = x", "my.s['''] = a", 'my.s[aaa"] = a',
    "my.s[  test  ] = x", "my.s[ = x", "my.s] = x", "my.n > !0.1222e+10", "my.n < 0xAAA.1", "my.n >= 0aaaaa", "my.n <= a",
    "my.n < 0x1g", "my.l in (", "my.l in )", "my.l in (value,)", "my.l in (,)", "my.l > (value)", "my.l = (value)",
    "my.l contains (value)", "my.o ExIsTs", "my.o exists something", "my.o === value", "my.o !== value", "my.o CONTAINS x",
    "my.o startswithvalue", "my.o globvalue", "my.o >", "my.o in", "val(my.f) exists", "b64(val(my.f)) exists",
    "my.f = val(val(my.g))", "my.f = val(toupper(my.g))", "b64(my.f [1]) exists", "fake(my.f) exists", "fake.it(my.f) exists",
    "b64 (my.f) exists", "b64\n(my.f) exists", "b64,(my.f) exists", "b64(myf) exists", "b64(b64) exists", "b64(my.f exists",
    "b64(my.f)) exists", "(my.f) exists", "my.f = b64and(a)", "my.f = fake(my.g)", "my.f = b64 (my.g)", "my.f = (b64(my.g))",
    "my.f = b64\n(my.g)", "my.f in (a, b64(my.g))", "my.f AND a", "a && b", "a || b", "! a", "NOT a", "my.o not in (a)",
    "fd.name[0] = a", "container.name[a] = a", "container.labels[a] = a", "proc.aname[x] = a", "proc.acmdline[1x] = a",
    "evt.around = 1", "evt.type.is = 1", "evt.type.is[open] = 1", "thread.cgroup = a", "thread.cgroup[cpu] = a",
    "evt.arg = a", "k8s.pod.label = a", "container.mount.dest exists", "tolower(fd.name[0]) = a", "proc.name = val(fd.name[0])",
]  # fmt: skip


@pytest.mark.parametrize("condition", TAKEN)
def test_accepted_conditions(condition: str) -> None:
    """Conditions that Falco accepts are accepted, also with other white space."""
    blanks = " \n\t" if set(condition).isdisjoint("\"'") else " "
    for text in (condition, *(f" {condition} ".replace(" ", blank) for blank in blanks)):
        assert checked(text, MACROS) is not None, text


@pytest.mark.parametrize("condition", REFUSED)
def test_rejected_conditions(condition: str) -> None:
    """Conditions that Falco rejects are rejected."""
    assert checked(condition, MACROS) is None
