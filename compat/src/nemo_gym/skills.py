"""Agent skills: folders with a SKILL.md, handed to agents, and named in rollouts by a digest of their bytes."""

import hashlib
import shutil
from pathlib import Path
from typing import Any, Final, Optional

import yaml
from pydantic import BaseModel, Field

from nemo_gym.search_roots import resolve_file

SKILL_MD_FILENAME: Final = "SKILL.md"
DIGEST_LENGTH: Final = 12
_resolve_under_cwd_or_install = resolve_file


class SkillMetadata(BaseModel):
    """What a skill says of itself."""

    name: str
    description: Optional[str] = None
    version: Optional[str] = None


class SkillsRef(BaseModel):
    """Which skills a rollout had."""

    path: str
    hash: str
    skills: list[SkillMetadata]


class SkillsConfig(BaseModel):
    """Which skills a run has."""

    path: str = Field(description="Folder with a folder per skill.")


def hash_skill_dir(root: Path) -> str:
    """A digest of all files below a folder, their paths and their bytes."""
    digest = hashlib.sha256()
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        digest.update(b"%b\0%b\0" % (file.relative_to(root).as_posix().encode(), file.read_bytes()))
    return digest.hexdigest()[:DIGEST_LENGTH]


def parse_skill_md(skill_md_path: Path) -> SkillMetadata:
    """The header of a SKILL.md. Raises ValueError saying what is wrong with it."""
    lines = skill_md_path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    marks = [index for index, line in enumerate(lines) if line.strip() == "---"]
    if not marks or marks[0] != 0:
        raise ValueError(
            f"{skill_md_path} is missing YAML frontmatter: it must start with '---', 'name:' and 'description:'."
        )
    if len(marks) < 2:
        raise ValueError(f"{skill_md_path} has an unterminated YAML frontmatter block: there is no closing '---'.")
    header = _read_header("\n".join(lines[1 : marks[1]]), skill_md_path)
    more = header.get("metadata")
    version = more.get("version") if isinstance(more, dict) else None
    return SkillMetadata(
        name=str(header["name"]),
        description=header.get("description"),
        version=None if version is None else str(version),
    )


def _read_header(text: str, path: Path) -> dict[str, Any]:
    try:
        header = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} has malformed YAML frontmatter: {error}") from None
    if not isinstance(header, dict):
        raise ValueError(f"The frontmatter of {path} must be a YAML mapping, got {type(header).__name__}.")
    if not header.get("name"):
        raise ValueError(f"The frontmatter of {path} is missing a required 'name' field.")
    return header


def load_skill_directory(path: str) -> SkillsRef:
    """The skills of a folder, which is looked for in the roots. Raises ValueError when they are none, or wrong."""
    folder = _folder(path)
    skills = []
    for skill in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        if not (skill / SKILL_MD_FILENAME).is_file():
            raise ValueError(f"The skill {skill} is missing a {SKILL_MD_FILENAME} file.")
        skills.append(parse_skill_md(skill / SKILL_MD_FILENAME))
    if not skills:
        raise ValueError(
            f"{folder} contains no skills: folders with a {SKILL_MD_FILENAME} each (skills.path={path!r})."
        )
    return SkillsRef(path=path, hash=hash_skill_dir(folder), skills=skills)


def _folder(path: str) -> Path:
    folder = resolve_file(path)
    if not folder.exists():
        raise ValueError(f"Skills path does not exist: {folder} (skills.path={path!r}).")
    if not folder.is_dir():
        raise ValueError(f"Skills path must be a directory of skills, but {folder} is a file (skills.path={path!r}).")
    return folder


def stage_skills(path: str, dest_skills_dir: Path) -> None:
    """Copy the folder of skills to where an agent looks for them, which must not exist yet."""
    folder = resolve_file(path)
    if not folder.is_dir():
        raise ValueError(f"Cannot stage skills: {folder} is not a directory (skills path {path!r}).")
    shutil.copytree(folder, dest_skills_dir)
