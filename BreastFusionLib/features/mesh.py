"""Surface area, volume and diameters of a mask by marching cubes, as PyRadiomics defines them.

PyRadiomics' compiled code compares every pair of surface points to find the diameters, which takes most of the time
for large lesions, and some builds of it move to a GPU without being asked. Here the same numbers come from the points
that can be an end of a diameter, always on the CPU.

Lorensen and Cline, Marching cubes: a high resolution 3D surface construction algorithm, SIGGRAPH 1987; PyRadiomics
documentation, shape features (3D).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = ["Mesh", "measure_mesh"]

# The surface inside a cube of 2 x 2 x 2 voxels, for each of the cases 1 .. 127; case c has voxel (k, j, i) inside
# when bit 4 k + 2 j + i of c is set, and case 255 - c has the same surface turned inside out. Three letters are one
# triangle, each letter the middle of an edge: a-d run along k, e-h along j, i-l along i; within four edges the other
# two indices count (0, 0), (0, 1), (1, 0), (1, 1). Seen from outside, a triangle's corners run counter-clockwise.
_CASES = """
iae ifb faebaf ecj icjaci bifecj fcjfbcbac fjd aeijdf bjdijb jaejdadba edfcde idfiadacd ebiecbcdb baddac kga keigek
fbikga kfbkgfgef kgacje ckgcjkjik ifbkgaecj kgcbkcbcjbjf fjdakg kgeikejdf jdbijbkga jdbjbgjgegbk dfecdeakg
fcdfkcfikgck gakicbcdbiec kgckcbbcd bhk hkbaei ihkfhi ahkaehefh bhkjec cjiacibhk hkifhiecj jfhjhajackah jdfhkb
iaejdfbhk hjdhkjkij jdhejhehkeka ecdfedhkb bhkafidfacda hkihichcdcie hkahaddac bgahgb beibhehge igaifgfhg fheehg
bhgabgcje bhgbgjbjijgc ecjfaigafhgf cjfcfggfh gabhgbfjd fjdhibeihgeh aijajhahgdhj jdhjheehg ghdcgdafbefa
gihibhcigidfdic diciechidigagih cdhgch glc giaglieiccil ifbcgl albaglblfcelfle gjeljg giaglilji jbljfblbgiebgbe
fljfalfbaagl cfjcgfdfllfg fiafagfgdldgjce jgijcgigbldgbgd jcedaldbaagl dgldfgfeg dglfgdfagfia iegigdidbldg gldgdaadb
lakcal elceilikl afcaifcflbkflfk bklblebefcel ajeakjklj ikjklj eaifbjjbkjkl fbkfkjjkl lfkldfkfajcfafc ejcilfiklldf
ijajcakdbkld dbkdklcej afealfaklldf dfidillik kldkdbiea dbkldk lbhlcbkbggbc ibhihlilecelagk hcfhlcfcigkcick
agkehcefhhlc gbegkbebjhlbjbl agkbhiihlilj fhjhljekiegk ljflfhkag bfjbjcbckgkchld ibfkagjcehld hldkjgkijjcg ejcgkadhl
dhlfgbfeggkb fibhldagk kiekegldh hldkag lbhlcbcab elcileihlibh icaihcifhhlc lcelehhef habhjahljeaj bhlbliilj fhlfljeai
fhljfl hldfjbbjcbca ibfjcehld caicijdhl jcedhl feafabhld bfihld ieahld dhl
"""

# Directions in which planes are measured before points are compared.
_DIRECTIONS = 8


@dataclass(frozen=True)
class Mesh:
    """What the triangle mesh round a mask measures.

    Attributes:
        area_mm2: sum of the triangles' areas.
        volume_mm3: enclosed volume.
        diameter_3d_mm: largest distance of two points of the surface.
        diameters_2d_mm: largest distance of two points of the surface with the same k, the same j, the same i
            (PyRadiomics: Maximum2DDiameterSlice, -Column, -Row).
    """

    area_mm2: float
    volume_mm3: float
    diameter_3d_mm: float
    diameters_2d_mm: tuple[float, float, float]


def measure_mesh(inside: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> Mesh:
    """Measure the surface of a mask.

    Args:
        inside: bool (k, j, i): the lesion's bounding box and one voxel of background on every side. One, because
            PyRadiomics' mesh has holes where voxels touch at an edge only, and its volume then depends on the origin.
        spacing_mm: voxel size along (k, j, i).
    """
    area_mm2, volume_mm3 = _area_and_volume(inside, spacing_mm)
    points = _surface_points(inside)
    return Mesh(
        area_mm2,
        volume_mm3,
        _diameter_3d(points, spacing_mm),
        tuple(_diameter_in_planes(points, spacing_mm, axis) for axis in range(3)),  # type: ignore[arg-type]
    )


def _case_triangles() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the case each triangle belongs to (T,) and its corners (T, 3 corners, 3 axes) in voxels."""
    middles = np.array(
        [np.insert([b, c], axis, 0.5) for axis in range(3) for b in (0.0, 1.0) for c in (0.0, 1.0)], dtype=float
    )
    cases, corners = [], []
    for case, letters in enumerate(_CASES.split(), start=1):
        triangles = middles[[ord(letter) - ord("a") for letter in letters]].reshape(-1, 3, 3)
        cases += [case] * len(triangles) + [255 - case] * len(triangles)
        corners += [triangles, triangles[:, ::-1]]
    return np.array(cases), np.concatenate(corners)


_TRIANGLE_CASE, _TRIANGLE_CORNERS = _case_triangles()


def _area_and_volume(inside: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> tuple[float, float]:
    a, b, c = np.moveaxis(_TRIANGLE_CORNERS * spacing_mm, 1, 0)
    normal = np.cross(b - a, c - a) / 2.0  # length: the triangle's area
    # A triangle moved by d spans with the origin the volume (a . n + d . n) / 3, so that a cube's share of the volume
    # is a constant of its case plus its place times the sum of normals of its case.
    area_of = np.bincount(_TRIANGLE_CASE, np.linalg.norm(normal, axis=1), minlength=256)
    volume_of = np.bincount(_TRIANGLE_CASE, np.einsum("ij,ij->i", a, normal) / 3.0, minlength=256)
    normal_of = np.stack([np.bincount(_TRIANGLE_CASE, n, minlength=256) for n in normal.T], axis=1)

    case = _cube_cases(inside)
    cut = np.nonzero((case != 0) & (case != 255))
    case_of_cut = case[cut]
    place_mm = np.stack(cut, axis=1) * spacing_mm
    area = area_of[case_of_cut].sum()
    volume = volume_of[case_of_cut].sum() + np.einsum("ij,ij->", place_mm, normal_of[case_of_cut]) / 3.0
    return float(area), float(volume)


def _cube_cases(inside: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return the case of every cube of 2 x 2 x 2 voxels, one less than voxels along each axis."""
    voxels = inside.view(np.uint8)
    along_i = voxels[..., :-1] | (voxels[..., 1:] << 1)
    along_j = along_i[:, :-1] | (along_i[:, 1:] << 2)
    return along_j[:-1] | (along_j[1:] << 4)


def _surface_points(inside: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the mesh's points (N, 3) in half voxels: the middles between a voxel inside and a neighbour outside."""
    points = []
    for axis in range(3):
        first, second = np.moveaxis(inside, axis, 0)[:-1], np.moveaxis(inside, axis, 0)[1:]
        found = 2 * np.stack(np.nonzero(first != second), axis=1)
        found[:, 0] += 1
        points.append(np.insert(found[:, 1:], axis, found[:, 0], axis=1))
    return np.concatenate(points)


def _ends_of_lines(points: NDArray[np.intp], axis: int) -> NDArray[np.intp]:
    """Keep of all points on one line along `axis` the first and the last: no other can be an end of a diameter."""
    u, v = (other for other in range(3) if other != axis)
    shape = points.max(axis=0) + 1
    line = points[:, u] * shape[v] + points[:, v]
    low = np.full(shape[u] * shape[v], shape[axis])
    high = np.full(shape[u] * shape[v], -1)
    np.minimum.at(low, line, points[:, axis])
    np.maximum.at(high, line, points[:, axis])
    return points[(points[:, axis] == low[line]) | (points[:, axis] == high[line])]


def _diameter_3d(points: NDArray[np.intp], spacing_mm: NDArray[np.float64]) -> float:
    for axis in range(3):
        points = _ends_of_lines(points, axis)
    points_mm = points * (spacing_mm / 2.0)
    corners_mm = points_mm[scipy.spatial.ConvexHull(points_mm).vertices]
    return float(scipy.spatial.distance.pdist(corners_mm).max())


def _diameter_in_planes(points: NDArray[np.intp], spacing_mm: NDArray[np.float64], axis: int) -> float:
    """Return the largest distance of two points that share their coordinate along `axis`."""
    u, v = (other for other in range(3) if other != axis)
    for across in (u, v):
        points = _ends_of_lines(points, across)
    points = points[np.argsort(points[:, axis], kind="stable")]
    starts = np.flatnonzero(np.diff(points[:, axis], prepend=-1))
    flat_mm = points[:, (u, v)] * (spacing_mm[[u, v]] / 2.0)
    # Some of the directions is within half a step of a plane's diameter, which is thus at most the largest extent over
    # the cosine of half a step: go on only while that can beat the best.
    angles = np.arange(_DIRECTIONS) * (np.pi / _DIRECTIONS)
    along_mm = flat_mm @ np.stack([np.cos(angles), np.sin(angles)])
    extent_mm = (np.maximum.reduceat(along_mm, starts) - np.minimum.reduceat(along_mm, starts)).max(axis=1)
    bound_mm = extent_mm / np.cos(np.pi / (2 * _DIRECTIONS))
    planes = np.split(flat_mm, starts[1:])
    best_mm = 0.0
    for plane in np.argsort(-bound_mm):
        if bound_mm[plane] <= best_mm:
            break
        best_mm = max(best_mm, float(scipy.spatial.distance.pdist(planes[plane]).max(initial=0.0)))
    return best_mm
