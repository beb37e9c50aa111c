"""Makes the Python messages of ../proto, and the table of LLVM's actions: generate.py PROJECT_FOLDER OUTPUT_FOLDER.

What protoc itself writes for Python asks for a runtime as new as itself, and what an old one writes is not what a new one
would. So only the descriptors are taken from protoc, and given to whatever runtime there is, by the two functions that
generated code has called since protobuf 3.20.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

PROTOS = ("compiler_gym_service", "compiler_gym_stream")

MODULE = '''"""Made from proto/{name}.proto by generate.py."""
from google.protobuf import any_pb2 as _any_pb2
from google.protobuf import descriptor_pool as _descriptor_pool
from google.protobuf.internal import builder as _builder
{imports}
DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile({descriptor!r})
_builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())
_builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, __name__, globals())
'''


# Where the service has its actions; a line is {"flag", "pipeline"} or {"flag", "pipeline", kHash}.
ACTIONS = {
    "PassesAll": "sessions/llvm/actions/passes_all_actions.cc",
    "NewPM": "sessions/llvm/actions/new_pm_actions.cc",
}


def actions(project: Path) -> dict[str, dict[str, str]]:
    """From each action space's actions to what `opt -passes=` calls them, in the service's order."""
    spaces = {}
    for space, file in ACTIONS.items():
        text = (project / file).read_text()
        spaces[space] = dict(re.findall(r'\{\s*"([^"]+)",\s*"([^"]+)"', text))
        if not spaces[space]:
            raise SystemExit(f"{file} has no table of actions")
    return spaces


def messages(proto: Path, output: Path) -> None:
    """Writes one module and its types for each .proto file."""
    from google.protobuf import descriptor_pb2
    from grpc_tools import protoc

    output.mkdir(parents=True, exist_ok=True)
    (output / "__init__.py").write_text('"""Messages made from proto/."""\n')
    well_known = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder) / "descriptors"
        command = [
            "protoc",
            f"-I{proto.parent}",
            f"-I{well_known}",
            f"--descriptor_set_out={descriptors}",
            f"--pyi_out={folder}",
            *(f"{proto.name}/{name}.proto" for name in PROTOS),
        ]
        if protoc.main(command) != 0:
            raise SystemExit(f"protoc failed: {' '.join(command)}")
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes())
        for name, file in zip(PROTOS, files.file, strict=True):
            imports = "".join(
                f"from . import {Path(dependency).stem}_pb2\n"
                for dependency in file.dependency
                if not dependency.startswith("google/")
            )
            text = MODULE.format(name=name, imports=imports, descriptor=file.SerializeToString())
            (output / f"{name}_pb2.py").write_text(text)
            types = (Path(folder) / proto.name / f"{name}_pb2.pyi").read_text()
            types = re.sub(r"\b_Mapping\]", "_Mapping[str, object]]", types)  # mypy --strict wants to know
            types = re.sub(rf"^from {proto.name} import", "from . import", types, flags=re.MULTILINE)
            (output / f"{name}_pb2.pyi").write_text(types)


def main(project: Path, output: Path) -> None:
    """Writes the package's folders _proto and _data."""
    messages(project / "proto", output / "_proto")
    data = output / "_data"
    data.mkdir(exist_ok=True)
    (data / "llvm_actions.json").write_text(json.dumps(actions(project), indent=0))
    programs = data / "programs"
    programs.mkdir(exist_ok=True)
    for program in sorted((project / "programs").glob("*.c")):
        (programs / program.name).write_bytes(program.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
