"""Stand-ins for CTK's widgets: the properties, signals and setters that module code uses, drawn by plain Qt."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets
from PySide6.QtCore import Property, Signal


class ctkCheckBox(QtWidgets.QCheckBox):
    """A check box."""


class ctkComboBox(QtWidgets.QComboBox):
    """A combo box with a text of its own while nothing is chosen."""

    def _set_default_text(self, text: str) -> None:
        self.setPlaceholderText(text)

    defaultText = Property(str, lambda self: self.placeholderText, _set_default_text)
    setDefaultText = _set_default_text


class ctkMessageBox(QtWidgets.QMessageBox):
    """A message box."""

    dontShowAgainSettingsKey = ""


class ctkPushButton(QtWidgets.QPushButton):
    """A push button."""


class ctkCheckablePushButton(QtWidgets.QPushButton):
    """A push button with a check box in it."""


class ctkDoubleSpinBox(QtWidgets.QDoubleSpinBox):
    """A spin box for real numbers."""


class ctkSearchBox(QtWidgets.QLineEdit):
    """A line edit with a looking glass."""


class ctkFittedTextBrowser(QtWidgets.QTextBrowser):
    """A text browser as high as its text."""


class ctkExpandableWidget(QtWidgets.QFrame):
    """A frame whose size the user may change."""


class ctkCollapsibleButton(QtWidgets.QWidget):
    """A section with a header that folds it away; its layout is set by the .ui file, as in CTK."""

    contentsCollapsed = Signal(bool)
    toggled = Signal(bool)
    clicked = Signal(bool)
    _header_height = 26

    def __init__(self, parent=None) -> None:
        super().__init__(parent if isinstance(parent, QtWidgets.QWidget) else None)
        self._text = parent if isinstance(parent, str) else ""
        self._collapsed = False
        self._is_folding = False
        self._wanted: dict[QtWidgets.QWidget, bool] = {}  # child -> whether it is to be seen in the open section
        self._checkable = True
        self.setContentsMargins(0, self._header_height, 0, 0)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:
        self._text = text
        self.update()

    def setCollapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly):
            self._fold(child)
        self.setMaximumHeight(self._header_height if collapsed else 16777215)
        self.setMinimumHeight(self._header_height if collapsed else 0)
        self.updateGeometry()
        self.contentsCollapsed.emit(collapsed)
        self.toggled.emit(not collapsed)

    def _fold(self, child: QtWidgets.QWidget) -> None:
        """Hides a child with its section, and shows it again unless it is to be hidden by itself."""
        if self._collapsed and child not in self._wanted:
            self._wanted[child] = not QtWidgets.QWidget.isHidden(child)
            child.installEventFilter(self)
        self._is_folding = True
        child.setVisible(not self._collapsed and self._wanted.get(child, True))
        # Else Qt would not tell of somebody who hides a child that the section has hidden already.
        child.setAttribute(QtCore.Qt.WidgetAttribute.WA_WState_ExplicitShowHide, not self._wanted.get(child, True))
        self._is_folding = False

    def eventFilter(self, child, event) -> bool:
        """Takes note of who shows or hides a child meanwhile, as CTK does."""
        told = {QtCore.QEvent.Type.ShowToParent: True, QtCore.QEvent.Type.HideToParent: False}.get(event.type())
        if told is not None and not self._is_folding:
            self._wanted[child] = told
            if self._collapsed:
                self._fold(child)
        return False

    text = Property(str, lambda self: self._text, setText)
    collapsed = Property(bool, lambda self: self._collapsed, setCollapsed)
    checked = Property(bool, lambda self: not self._collapsed, lambda self, on: self.setCollapsed(not on))
    flat = Property(bool, lambda self: False, lambda self, on: None)
    collapsedHeight = Property(int, lambda self: 0, lambda self, height: None)
    contentsFrameShape = Property(int, lambda self: 0, lambda self, shape: None)

    def toggle(self) -> None:
        self.setCollapsed(not self._collapsed)

    def click(self) -> None:
        self.toggle()
        self.clicked.emit(not self._collapsed)

    def mousePressEvent(self, event) -> None:
        if event.position().y() <= self._header_height:
            self.click()

    def paintEvent(self, event) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, QtWidgets.QWidget.width(self), self._header_height - 2)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyleOption()
        arrow.initFrom(self)
        arrow.rect = QtCore.QRect(6, 7, 10, 10)
        elements = QtWidgets.QStyle.PrimitiveElement
        painter.drawPrimitive(
            elements.PE_IndicatorArrowRight if self._collapsed else elements.PE_IndicatorArrowDown, arrow
        )
        painter.setPen(QtWidgets.QWidget.palette(self).color(QtGui.QPalette.ColorRole.ButtonText))
        painter.drawText(option.rect.adjusted(22, 0, 0, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, self._text)


class ctkCollapsibleGroupBox(QtWidgets.QGroupBox):
    """A group box that folds away."""

    def setCollapsed(self, collapsed: bool) -> None:
        self.setCheckable(True)
        self.setChecked(not collapsed)

    collapsed = Property(bool, lambda self: not self.isChecked(), setCollapsed)


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider with a spin box, for real numbers."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._spin_box = QtWidgets.QDoubleSpinBox(self)
        self._tracking = True
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._spin_box)
        self._spin_box.setRange(0.0, 99.0)
        self._spin_box.valueChanged.connect(self._spin_box_changed)
        self._slider.setRange(0, 1000)
        self._slider.valueChanged.connect(self._slider_moved)

    def setValue(self, value: float) -> None:
        self._spin_box.setValue(value)

    def setMinimum(self, minimum: float) -> None:
        self._spin_box.setMinimum(minimum)
        self._show_position()

    def setMaximum(self, maximum: float) -> None:
        self._spin_box.setMaximum(maximum)
        self._show_position()

    def setRange(self, minimum: float, maximum: float) -> None:
        self.setMinimum(minimum)
        self.setMaximum(maximum)

    def setSingleStep(self, step: float) -> None:
        self._spin_box.setSingleStep(step)

    def setDecimals(self, decimals: int) -> None:
        self._spin_box.setDecimals(decimals)

    def setSuffix(self, suffix: str) -> None:
        self._spin_box.setSuffix(suffix)

    def setPrefix(self, prefix: str) -> None:
        self._spin_box.setPrefix(prefix)

    def setTracking(self, tracking: bool) -> None:
        self._tracking = tracking

    value = Property(float, lambda self: self._spin_box.value, setValue)
    minimum = Property(float, lambda self: self._spin_box.minimum, setMinimum)
    maximum = Property(float, lambda self: self._spin_box.maximum, setMaximum)
    singleStep = Property(float, lambda self: self._spin_box.singleStep, setSingleStep)
    pageStep = Property(float, lambda self: 10.0, lambda self, step: None)
    decimals = Property(int, lambda self: self._spin_box.decimals, setDecimals)
    suffix = Property(str, lambda self: self._spin_box.suffix, setSuffix)
    prefix = Property(str, lambda self: self._spin_box.prefix, setPrefix)
    tracking = Property(bool, lambda self: self._tracking, setTracking)

    def slider(self) -> QtWidgets.QSlider:
        return self._slider

    def spinBox(self) -> QtWidgets.QDoubleSpinBox:
        return self._spin_box

    def _spin_box_changed(self, value: float) -> None:
        self._show_position()
        self.valueChanged.emit(value)

    def _slider_moved(self, position: int) -> None:
        low, high = self._spin_box.minimum, self._spin_box.maximum
        self.setValue(low + (high - low) * position / 1000)

    def _show_position(self) -> None:
        low, high = self._spin_box.minimum, self._spin_box.maximum
        share = (self._spin_box.value - low) / (high - low) if high > low else 0.0
        blocked = self._slider.blockSignals(True)
        self._slider.setValue(round(1000 * share))
        self._slider.blockSignals(blocked)


class ctkPathLineEdit(QtWidgets.QLineEdit):
    """A line edit for a path; what was added to its history is there again in the next one of that key."""

    currentPathChanged = Signal(str)
    Dirs, Files, Executable, Readable, Writable = 1, 2, 8, 16, 32

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._key = ""
        self.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        self.setText(str(path))

    currentPath = Property(str, lambda self: QtWidgets.QLineEdit.text(self), setCurrentPath)
    filters = Property(int, lambda self: 0, lambda self, filters: None)

    def setSettingKey(self, key: str) -> None:
        self._key = key
        if not self.currentPath:
            self.setCurrentPath(QtCore.QSettings().value(f"ctkPathLineEdit/{key}", ""))

    settingKey = Property(str, lambda self: self._key, setSettingKey)

    def addCurrentPathToHistory(self) -> None:
        QtCore.QSettings().setValue(f"ctkPathLineEdit/{self._key}", self.currentPath)


class ctkDirectoryButton(QtWidgets.QPushButton):
    """A button that shows a folder and asks for another."""

    directoryChanged = Signal(str)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.clicked.connect(self._browse)

    def setDirectory(self, folder: str) -> None:
        if str(folder) != QtWidgets.QPushButton.text(self):
            self.setText(str(folder))
            self.directoryChanged.emit(str(folder))

    directory = Property(str, lambda self: QtWidgets.QPushButton.text(self), setDirectory)

    def _browse(self, *_) -> None:
        folder = QtWidgets.QFileDialog.getExistingDirectory(self, "", self.directory)
        if folder:
            self.setDirectory(folder)
