"""Parameters of the local package repository and its offline bundle."""

from typing import Annotated, ClassVar

from pydantic import Field

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.records import RepoUpstream, UrlOrPackage
from staddle.inventory.parameters.values import AbsolutePath, Csv, Word


class RepoParameters(Section):
    """The package repository that nodes install from."""

    title: ClassVar[str] = "REPO"

    repo_enabled: Annotated[bool, Param("Build and serve a repository on this INFRA node.", level="host")] = True
    repo_home: Annotated[AbsolutePath, Param("Directory that holds the repository.")] = "/www"
    repo_name: Annotated[Word, Param("Name of the repository and its directory.")] = "staddle"
    repo_endpoint: Annotated[str, Param("URL under which nodes reach the repository's server.")] = (
        "http://${admin_ip}:${nginx_port}"
    )
    repo_remove: Annotated[
        bool,
        Param("Set the own package sources of INFRA nodes aside.", idle="`node_repo_remove` does that, on every node"),
    ] = True
    repo_modules: Annotated[Csv, Param("Modules whose package sources are mirrored.")] = Field(
        default_factory=lambda: ["infra", "node", "pgsql"]
    )
    repo_targets: Annotated[
        list[Word] | None,
        Param("Releases it is for, as in `debian-12-x86_64`. Unset: those of the nodes, as last seen."),
    ] = None
    repo_upstream: Annotated[
        list[RepoUpstream] | None, Param("Package sources. Unset: those that Staddle knows.", tokens=True)
    ] = None
    repo_packages: Annotated[
        list[str] | None, Param("Packages to mirror, with what they need. Unset: what the nodes install.", tokens=True)
    ] = None
    repo_extra_packages: Annotated[
        list[str] | None,
        Param("More packages to mirror. Unset: PostgreSQL's main ones, if a node has PostgreSQL.", tokens=True),
    ] = None
    repo_url_packages: Annotated[list[UrlOrPackage], Param("Files to download into the repository.", tokens=True)] = (
        Field(default_factory=list)
    )


class CacheParameters(Section):
    """The offline bundle: a repository in one file."""

    title: ClassVar[str] = "CACHE"

    cache_pkg_name: Annotated[str, Param("File name of the bundle.", tokens=True)] = (
        "staddle-pkg-${version}.${os}.${arch}.pyz"
    )
    cache_pkg_dir: Annotated[str, Param("Directory on the ADMIN node that bundles are kept in.", tokens=True)] = (
        "dist/${version}"
    )
    cache_repo: Annotated[
        Csv,
        Param("Repositories that go into the bundle.", idle="a bundle has all of the repository, see `repo_modules`"),
    ] = Field(default_factory=lambda: ["staddle"])
