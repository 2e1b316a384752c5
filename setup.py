"""Compiles every module that has a .pxd; pyproject.toml holds all else.

Compiled modules call each other through C: where one fails, the package is installed interpreted.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FLAGS = ["-O1", "-finline-small-functions", "-fpartial-inlining", "-g0", "-w"] * (os.name != "nt")
DIRECTIVES = {"annotation_typing": False, "auto_pickle": False, "binding": False}
SOURCES = sorted(path.with_suffix(".py") for path in Path("dissector").rglob("*.pxd"))
EXTENSIONS = [
    Extension("dissector._cython", ["build/_cython.c"], extra_compile_args=FLAGS)
]  # shared
for path in SOURCES:
    name = ".".join(path.with_suffix("").parts)
    EXTENSIONS.append(Extension(name, [str(path)], extra_compile_args=FLAGS))


class BuildAllOrNone(build_ext):  # noqa: D101
    def build_extensions(self):  # noqa: D102
        try:
            self.compiler.compile(["build/probe.c"], extra_postargs=FLAGS)  # before Cython's 10 s
            from Cython.Build import cythonize

            command = [sys.executable, "-m", "cython", "generate-shared", "--exclude=MemoryView"]
            subprocess.run([*command, "build/_cython.c"], check=True)
            self.parallel = os.cpu_count()
            made = cythonize(
                self.extensions[1:], nthreads=self.parallel, build_dir="build", quiet=True,
                compiler_directives=DIRECTIVES, shared_utility_qualified_name="dissector._cython",
            )  # fmt: skip
            for extension, translated in zip(self.extensions[1:], made, strict=True):
                extension.sources = translated.sources
            super().build_extensions()
        except Exception as error:
            if os.environ.get("DISSECTOR_REQUIRE_COMPILED"):
                raise
            self.warn(f"not compiled, so it will run about ten times slower: {error}")
            self.extensions = []

    def run(self):  # noqa: D102
        Path("build").mkdir(exist_ok=True)
        Path("build/probe.c").write_text("#include <Python.h>\n")
        super().run()
        root = Path(".") if self.inplace else Path(self.build_lib)
        if not self.extensions:  # those of an earlier build or of half of this one
            for path in [*root.glob("dissector/**/*.so"), *root.glob("dissector/_compiled.sha256")]:
                path.unlink()
            return
        names = [each for path in SOURCES for each in (path, path.with_suffix(".pxd"))]
        sums = "".join(f"{sha256(name.read_bytes()).hexdigest()}  {name}\n" for name in names)
        (root / "dissector/_compiled.sha256").write_text(
            sums
        )  # tell a source that was edited since


setup(ext_modules=EXTENSIONS, cmdclass={"build_ext": BuildAllOrNone})
