// The time line: tiles as nested bars, a lane for each thread, drawn as far as they are in view.
const BAR = 18, NAME = 20, AXIS = 26, LEAST_NS = 10;

// Reads a lane's tiles; see brickprof.reports.html_time_line.packed.
function unpack(lane, levels) {
  const bytes = Uint8Array.from(atob(lane.tiles), (char) => char.charCodeAt(0));
  const tiles = [];
  let at = 0;
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const open = [];
  let start = 0;
  while (at < bytes.length) {
    start += number();
    const ns = number();
    const kind = number();
    const tile = {
      start, stop: start + ns, brick: Math.floor(kind / levels), level: kind % levels,
      row: number(), col: number(), depth: 0, index: tiles.length, parent: null,
    };
    while (open.length && open[open.length - 1].stop <= start) open.pop();
    tile.depth = open.length;
    tile.parent = open.length ? open[open.length - 1] : null;
    open.push(tile);
    tiles.push(tile);
  }
  const depths = tiles.reduce((most, tile) => Math.max(most, tile.depth + 1), 1);
  const byDepth = Array.from({ length: depths }, () => []);
  tiles.forEach((tile) => byDepth[tile.depth].push(tile));
  return { name: lane.name, tiles, byDepth };
}

function formatNs(ns) {
  for (const [most, unit] of [[1e3, "ns"], [1e6, "µs"], [1e9, "ms"], [Infinity, "s"]]) {
    if (ns < most) return `${Number((ns / (most === Infinity ? 1e9 : most / 1e3)).toPrecision(4))} ${unit}`;
  }
}

// The first tile that ends after a time; tiles of one depth follow each other.
function firstAfter(tiles, time) {
  let low = 0, high = tiles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tiles[middle].stop < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Black or white, whichever can be read on a color that lets the paper through.
function readable(color, opacity, dark) {
  const mixed = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16);
    return (opacity * part + (1 - opacity) * (dark ? 13 : 255)) / 255;
  });
  const linear = mixed.map((part) => (part <= 0.04 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 ? "#000" : "#fff";
}

class TimeLine {
  constructor(root) {
    const data = JSON.parse(root.querySelector("script").textContent);
    this.data = data;
    this.lanes = data.lanes.map((lane) => unpack(lane, data.levels.length));
    this.canvas = root.querySelector("canvas");
    this.output = root.querySelector("output");
    this.end = 1;
    for (const lane of this.lanes) for (const tile of lane.tiles) this.end = Math.max(this.end, tile.stop);
    this.from = 0;
    this.to = this.end;
    this.chosen = null;
    const height = this.lanes.reduce((sum, lane) => sum + lane.byDepth.length * BAR + NAME, AXIS);
    this.canvas.style.height = `${height}px`;
    this.listen(root);
    this.draw();
  }

  listen(root) {
    const [zoomIn, zoomOut, all] = root.querySelectorAll("button");
    zoomIn.addEventListener("click", () => this.zoom(0.5));
    zoomOut.addEventListener("click", () => this.zoom(2));
    all.addEventListener("click", () => this.show(0, this.end));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.drag(event));
    this.canvas.addEventListener("pointermove", (event) => {
      const tile = this.tileAt(event.offsetX, event.offsetY);
      if (tile) showNote(this.text(tile), event.clientX, event.clientY + 8);
      else hideNote();
    });
    this.canvas.addEventListener("pointerleave", hideNote);
    this.canvas.addEventListener("click", (event) => {
      if (!this.dragged) this.choose(this.tileAt(event.offsetX, event.offsetY));
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.timeAt(event.offsetX));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const pixels = event.deltaX || event.deltaY;
      this.pan(pixels * (this.to - this.from) / this.canvas.clientWidth);
    }
  }

  drag(event) {
    const [x, from, to] = [event.clientX, this.from, this.to];
    this.dragged = false;
    const move = (moved) => {
      const pixels = moved.clientX - x;
      if (Math.abs(pixels) > 3) this.dragged = true;
      const by = pixels * (to - from) / this.canvas.clientWidth;
      if (this.dragged) this.show(from - by, to - by);
    };
    const stop = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", stop);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
  }

  key(event) {
    const actions = {
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
      Home: () => this.show(0, this.end), Escape: () => this.choose(null),
      ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1),
      ArrowDown: () => this.deeper(), ArrowUp: () => this.higher(),
      PageDown: () => this.otherLane(1), PageUp: () => this.otherLane(-1),
    };
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  // The tile before or after the chosen one at its depth.
  step(by) {
    if (!this.chosen) return this.choose(this.lanes[0].tiles[0]);
    const level = this.laneOf(this.chosen).byDepth[this.chosen.depth];
    const at = firstAfter(level, this.chosen.start);
    const place = level.indexOf(this.chosen, Math.max(at - 1, 0));
    this.choose(level[Math.min(Math.max(place + by, 0), level.length - 1)]);
  }

  deeper() {
    if (!this.chosen) return this.step(0);
    const inside = this.laneOf(this.chosen).tiles[this.chosen.index + 1];
    if (inside && inside.parent === this.chosen) this.choose(inside);
  }

  higher() {
    if (this.chosen && this.chosen.parent) this.choose(this.chosen.parent);
  }

  otherLane(by) {
    const at = this.chosen ? this.lanes.indexOf(this.laneOf(this.chosen)) : 0;
    const lane = this.lanes[Math.min(Math.max(at + by, 0), this.lanes.length - 1)];
    const time = this.chosen ? this.chosen.start : this.from;
    this.choose(lane.byDepth[0][Math.min(firstAfter(lane.byDepth[0], time), lane.byDepth[0].length - 1)]);
  }

  laneOf(tile) {
    return this.lanes.find((lane) => lane.tiles[tile.index] === tile);
  }

  choose(tile) {
    this.chosen = tile || null;
    this.output.textContent = this.chosen ? this.text(tile) : "";
    if (tile && (tile.start < this.from || tile.stop > this.to)) {
      const span = Math.max(this.to - this.from, (tile.stop - tile.start) * 1.2);
      const middle = (tile.start + tile.stop) / 2;
      this.show(middle - span / 2, middle + span / 2);
    }
    this.draw();
  }

  text(tile) {
    const brick = this.data.bricks[tile.brick];
    return `${brick} ${this.data.levels[tile.level]}, row ${tile.row}, column ${tile.col}: `
      + `${formatNs(tile.stop - tile.start)} from ${formatNs(tile.start)} on, ${this.laneOf(tile).name}`;
  }

  timeAt(x) {
    return this.from + x * (this.to - this.from) / this.canvas.clientWidth;
  }

  zoom(by, around) {
    const chosen = this.chosen;
    const middle = around ?? (chosen ? (chosen.start + chosen.stop) / 2 : (this.from + this.to) / 2);
    this.show(middle - (middle - this.from) * by, middle + (this.to - middle) * by);
  }

  pan(by) {
    this.show(this.from + by, this.to + by);
  }

  show(from, to) {
    const span = Math.min(Math.max(to - from, LEAST_NS), this.end);
    this.from = Math.min(Math.max(from, 0), this.end - span);
    this.to = this.from + span;
    this.draw();
  }

  tileAt(x, y) {
    let top = AXIS;
    for (const lane of this.lanes) {
      top += NAME;
      const depth = Math.floor((y - top) / BAR);
      if (depth >= 0 && depth < lane.byDepth.length) {
        const level = lane.byDepth[depth];
        const pixel = (this.to - this.from) / this.canvas.clientWidth;
        const tile = level[firstAfter(level, this.timeAt(x) - pixel)];
        return tile && tile.start <= this.timeAt(x) + pixel ? tile : null;
      }
      top += lane.byDepth.length * BAR;
    }
    return null;
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { canvas } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const style = getComputedStyle(canvas);
    this.dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    this.axis(pen, width, height, ink, line);
    let top = AXIS;
    for (const lane of this.lanes) {
      pen.fillStyle = ink;
      pen.fillText(lane.name, 2, top + NAME / 2);
      top += NAME;
      lane.byDepth.forEach((level, depth) => this.bars(pen, level, top + depth * BAR, width, ink));
      top += lane.byDepth.length * BAR;
    }
  }

  axis(pen, width, height, ink, line) {
    const pixel = (this.to - this.from) / width;
    const least = pixel * 110;
    let step = 10 ** Math.floor(Math.log10(least));
    step *= [1, 2, 5, 10].find((digit) => digit * step >= least);
    pen.strokeStyle = line;
    pen.fillStyle = ink;
    for (let time = Math.ceil(this.from / step) * step; time <= this.to; time += step) {
      const x = Math.round((time - this.from) / pixel) + 0.5;
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, height);
      pen.stroke();
      pen.fillText(formatNs(time), x + 3, AXIS / 2);
    }
  }

  bars(pen, level, top, width, ink) {
    const pixel = (this.to - this.from) / width;
    const opacity = [1, 0.75, 0.5];
    let drawn = 0;
    for (let i = firstAfter(level, this.from); i < level.length && level[i].start <= this.to; i++) {
      // Tiles narrower than a pixel are drawn once for it, so that all of a long run is quick.
      if (level[i].stop < this.from + drawn * pixel) {
        i = Math.max(firstAfter(level, this.from + drawn * pixel), i);
        if (i >= level.length) break;
      }
      const tile = level[i];
      const left = Math.max((tile.start - this.from) / pixel, 0);
      const right = Math.max(Math.min((tile.stop - this.from) / pixel, width), left + 0.7);
      drawn = Math.max(right, Math.floor(left) + 1);
      pen.globalAlpha = opacity[tile.level];
      pen.fillStyle = this.data.colors[tile.brick % this.data.colors.length];
      const gap = right - left > 3 ? 0.5 : 0;
      pen.fillRect(left, top + 1, right - left - gap, BAR - 2);
      pen.globalAlpha = 1;
      if (right - left > 90) {
        pen.save();
        pen.beginPath();
        pen.rect(left, top, right - left, BAR);
        pen.clip();
        pen.fillStyle = readable(pen.fillStyle, opacity[tile.level], this.dark);
        pen.fillText(`${this.data.levels[tile.level]} ${tile.row}, ${tile.col}`, left + 4, top + BAR / 2);
        pen.restore();
      }
    }
    if (this.chosen && level[firstAfter(level, this.chosen.stop)] === this.chosen) {
      const left = (this.chosen.start - this.from) / pixel;
      pen.strokeStyle = ink;
      pen.lineWidth = 2;
      pen.strokeRect(left, top + 1, Math.max((this.chosen.stop - this.chosen.start) / pixel, 2), BAR - 2);
      pen.lineWidth = 1;
    }
  }
}

document.querySelectorAll(".time-line").forEach((root) => new TimeLine(root));
