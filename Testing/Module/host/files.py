"""Stand-in for the IO manager: scenes and nodes to and from files, by the scene's and the nodes' own storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

_classes = {
    "VolumeFile": "vtkMRMLScalarVolumeNode",
    "SegmentationFile": "vtkMRMLSegmentationNode",
    "MarkupsFile": "vtkMRMLMarkupsFiducialNode",
    "SequenceFile": "vtkMRMLSequenceNode",
    "TableFile": "vtkMRMLTableNode",
    "TextFile": "vtkMRMLTextNode",
    "TransformFile": "vtkMRMLLinearTransformNode",
}


class IoManager:
    """Readers and writers by the application's names of file types."""

    def fileType(self, filename: str) -> str:
        return "SceneFile" if filename.endswith((".mrb", ".mrml")) else "VolumeFile"

    def fileWriterFileType(self, node: Any) -> str:
        return next((kind for kind, name in _classes.items() if node.IsA(name)), "NoFile")

    def saveNodes(self, file_type: str, properties: dict, messages: Any = None) -> bool:
        filename = str(properties["fileName"])
        if file_type == "SceneFile":
            return self._save_scene(filename)
        return self._with_storage(slicer.mrmlScene.GetNodeByID(properties["nodeID"]), filename, "WriteData")

    def loadNodes(self, file_type: str, properties: dict, loaded: Any = None, messages: Any = None) -> bool:
        filename = str(properties["fileName"])
        if file_type == "SceneFile":
            return self._load_scene(filename)
        if file_type not in _classes:
            raise NotImplementedError(f"The test host does not read {file_type}.")
        name = properties.get("name") or Path(filename).name.split(".")[0]
        node = slicer.mrmlScene.AddNewNodeByClass(_classes[file_type], name)
        if not self._with_storage(node, filename, "ReadData"):
            slicer.mrmlScene.RemoveNode(node)
            return False
        node.CreateDefaultDisplayNodes() if hasattr(node, "CreateDefaultDisplayNodes") else None
        if loaded is not None:
            loaded.AddItem(node)
        return True

    def _save_scene(self, filename: str) -> bool:
        scene = slicer.mrmlScene
        if filename.endswith(".mrb"):
            return bool(scene.WriteToMRB(filename))
        scene.SetURL(filename)
        return bool(scene.Commit())

    def _load_scene(self, filename: str) -> bool:
        scene = slicer.mrmlScene
        if filename.endswith(".mrb"):
            return bool(scene.ReadFromMRB(filename))
        scene.SetURL(filename)
        return bool(scene.Import())

    def _with_storage(self, node: Any, filename: str, do: str) -> bool:
        storage = node.GetStorageNode()
        if storage is None:
            node.AddDefaultStorageNode(filename)
            storage = node.GetStorageNode()
        storage.SetFileName(filename)
        return bool(getattr(storage, do)(node))
