// SPDX-License-Identifier: Apache-2.0

/*
 * Draws the charts. The JSON block #data maps the id of an element to what it shows, in one of
 * three kinds: "lines", "matrix" and "differences". Everything else on the page is plain HTML.
 */
(() => {
  'use strict';

  const specs = JSON.parse(document.getElementById('data').textContent);
  const charts = new Map();
  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

  // Up to this many positions, a line shows its points; a single one would otherwise be invisible.
  const POINTS = 15;

  // Width and height of a chart on paper, in CSS pixels: a column of A4.
  const PAPER = { chart: [325, 250], matrix: [325, 325] };

  /** Tells whether the page is being printed: light, with charts of fixed size. */
  function onPaper() {
    return document.documentElement.dataset.theme === 'light';
  }

  /** Returns the theme's colours, as the style sheet has them. */
  function palette() {
    const style = getComputedStyle(document.documentElement);
    return new Proxy({}, { get: (_, name) => style.getPropertyValue('--' + name).trim() });
  }

  function escape(text) {
    return String(text).replace(/[&<>"']/g, (c) => '&#' + c.charCodeAt(0) + ';');
  }

  /** Formats a number with at most five significant digits. */
  function number(value) {
    if (value === null || value === undefined || !Number.isFinite(value)) {
      return '–';
    }
    const rounded = Number(value.toPrecision(5));
    const text = Math.abs(rounded) >= 1e5 || (rounded !== 0 && Math.abs(rounded) < 1e-4)
        ? rounded.toExponential()
        : rounded.toLocaleString('en', { maximumSignificantDigits: 5 });
    return text.replace(/-/g, '−');
  }

  function signed(value, digits) {
    const text = value.toFixed(digits);
    return (value > 0 ? '+' + text : text).replace('-', '−');
  }

  /** Mixes two #rrggbb colours. */
  function mix(a, b, share) {
    const part = (color, i) => parseInt(color.slice(1 + 2 * i, 3 + 2 * i), 16);
    const channels = [0, 1, 2].map((i) => Math.round(part(a, i) + share * (part(b, i) - part(a, i))));
    return '#' + channels.map((c) => c.toString(16).padStart(2, '0')).join('');
  }

  /** What all charts share. */
  function base(color) {
    return {
      animation: false,
      textStyle: { fontFamily: FONT, color: color.text },
      tooltip: {
        confine: true,
        backgroundColor: color.page,
        borderColor: color.rule,
        textStyle: { color: color.text, fontSize: 13, fontFamily: FONT },
      },
    };
  }

  function axis(color, name, more) {
    return {
      name,
      nameTextStyle: { color: color.muted, fontSize: 12 },
      axisLabel: { color: color.muted, fontSize: 12, hideOverlap: true },
      axisLine: { lineStyle: { color: color.muted } },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: color.rule } },
      ...more,
    };
  }

  function toolbox(color) {
    return {
      show: !onPaper(),
      right: 0,
      top: 0,
      itemSize: 13,
      iconStyle: { borderColor: color.muted },
      emphasis: { iconStyle: { borderColor: color.text, textFill: color.text } },
      feature: {
        dataZoom: {
          yAxisIndex: 'none',
          title: { zoom: 'Zoom', back: 'Zoom back' },
          brushStyle: { color: color.ema, opacity: 0.15 },
        },
        restore: { title: 'Reset' },
        saveAsImage: { title: 'Save', type: 'svg', backgroundColor: color.page },
      },
    };
  }

  // Stroke of each role. The averaged weights are dashed wherever they appear.
  const STROKES = {
    online: { type: 'solid', width: 2 },
    ema: { type: [7, 4], width: 2.5 },
    single: { type: 'solid', width: 2 },
    first: { type: 'solid', width: 2 },
    second: { type: [7, 4], width: 2 },
    line1: { type: 'solid', width: 2 },
    line2: { type: [7, 4], width: 2 },
    line3: { type: 'solid', width: 2 },
    line4: { type: [2, 3], width: 2 },
    line5: { type: [10, 3, 2, 3], width: 2 },
  };

  const SYMBOLS = { online: 'circle', ema: 'diamond', single: 'circle', first: 'circle', second: 'diamond', line1: 'circle', line2: 'diamond', line3: 'rect', line4: 'triangle', line5: 'pin' };

  /** Splits the band where a seed has no value. */
  function stretches(line) {
    const found = [[]];
    line.x.forEach((x, i) => {
      if (line.min[i] === null) {
        found.push([]);
      } else {
        found[found.length - 1].push([x, line.min[i], line.max[i]]);
      }
    });
    return found.filter((stretch) => stretch.length > 0);
  }

  /** The area between the smallest and the largest seed; a bar where it has no width. */
  function band(color, line) {
    const half = 4;
    const outline = (stretch, api) => {
      const upper = stretch.map(([x, , max]) => api.coord([x, max]));
      const lower = stretch.map(([x, min]) => api.coord([x, min])).reverse();
      if (stretch.length > 1) {
        return [...upper, ...lower];
      }
      const [[x, top], [, bottom]] = [upper[0], lower[0]];
      return [[x - half, top], [x + half, top], [x + half, bottom], [x - half, bottom]];
    };
    return {
      name: line.name,
      type: 'custom',
      silent: true,
      clip: true,
      z: 1,
      tooltip: { show: false },
      itemStyle: { color: color[line.role] },
      encode: { x: 0, y: [1, 2] },
      data: stretches(line).flat(),
      renderItem: (params, api) => (params.dataIndex > 0 ? null : {
        type: 'group',
        children: stretches(line).map((stretch) => ({
          type: 'polygon',
          shape: { points: outline(stretch, api) },
          style: { fill: color[line.role], opacity: 0.18 },
        })),
      }),
    };
  }

  /** A line and, if it has one, its band. */
  function lineSeries(color, line, index, marks) {
    const points = (values) => line.x.map((x, i) => [x, values[i]]);
    const few = line.x.length <= POINTS;
    const series = [{
      name: line.name,
      type: 'line',
      data: points(line.mean),
      symbol: SYMBOLS[line.role],
      symbolSize: line.role === 'ema' ? 9 : 7,
      showSymbol: few,
      lineStyle: { ...STROKES[line.role], color: color[line.role] },
      itemStyle: { color: color[line.role] },
      emphasis: { disabled: true },
      z: 3 + index,
      markLine: marks,
    }];
    if (line.min) {
      series.push(band(color, line));
    }
    return series;
  }

  function swatch(color, role) {
    const stroke = STROKES[role].type === 'solid' ? 'solid' : 'dashed';
    return `<span style="display:inline-block;width:18px;margin-right:6px;vertical-align:3px;border-top:3px ${stroke} ${color[role]}"></span>`;
  }

  function lineTooltip(color, spec, x) {
    const rows = spec.lines.filter((line) => line.x.includes(x)).map((line) => {
      const i = line.x.indexOf(x);
      const range = line.min && line.min[i] !== null && line.min[i] !== line.max[i]
          ? ` <span style="color:${color.muted}">(${number(line.min[i])} to ${number(line.max[i])})</span>`
          : '';
      return `<div>${swatch(color, line.role)}${escape(line.name)} <b>${number(line.mean[i])}</b>${range}</div>`;
    });
    return `<div style="color:${color.muted}">${escape(spec.xName)} ${number(x)}</div>${rows.join('')}`;
  }

  function lines(color, spec) {
    const names = spec.lines.map((line) => line.name);
    const marks = Object.keys(spec.marks).length === 0 ? undefined : {
      symbol: 'none',
      silent: true,
      lineStyle: { color: color.muted, type: [2, 3], width: 1 },
      label: { formatter: (p) => p.name, position: 'insideMiddleBottom', color: color.muted, fontSize: 11, distance: 2 },
      data: Object.entries(spec.marks).filter(([, x]) => x > 0).map(([name, x]) => ({ name, xAxis: x })),
    };
    const epochs = spec.xName === 'Epoch';
    const xs = spec.lines.flatMap((line) => line.x);
    const alone = new Set(xs).size === 1;
    return {
      ...base(color),
      grid: { left: 8, right: 16, top: onPaper() && names.length === 1 ? 30 : 66, bottom: 30, containLabel: true },
      legend: {
        show: names.length > 1,
        left: 0,
        top: 0,
        itemWidth: 28,
        data: names.map((name, i) => ({ name, lineStyle: STROKES[spec.lines[i].role] })),
        textStyle: { color: color.text, fontSize: 13 },
        inactiveColor: color.rule,
      },
      toolbox: toolbox(color),
      tooltip: {
        ...base(color).tooltip,
        trigger: 'axis',
        axisPointer: { lineStyle: { color: color.muted } },
        formatter: (items) => lineTooltip(color, spec, items[0].data[0]),
      },
      dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl', moveOnMouseMove: false, moveOnMouseWheel: false, preventDefaultMouseMove: false }],
      xAxis: axis(color, spec.xName, {
        type: 'value',
        nameLocation: 'middle',
        nameGap: 30,
        min: alone ? xs[0] - 1 : 0,
        max: alone ? xs[0] + 1 : 'dataMax',
        minInterval: 1,
        splitLine: { show: false },
        // The last step is rarely a round number.
        axisLabel: { color: color.muted, fontSize: 12, hideOverlap: true, showMaxLabel: epochs },
      }),
      yAxis: axis(color, spec.yName, {
        type: 'value',
        scale: true,
        // A value that hardly moves is shown as such, not as steps of its last digits.
        min: (range) => (range.max - range.min < 0.01 * range.max ? 0 : null),
        nameLocation: 'end',
        nameGap: 14,
        nameTextStyle: { color: color.muted, fontSize: 12, align: 'left', padding: [0, 0, 0, -4] },
        axisLine: { show: false },
        axisLabel: { color: color.muted, fontSize: 12, formatter: number },
      }),
      series: spec.lines.flatMap((line, i) => lineSeries(color, line, i, i === 0 ? marks : undefined)),
    };
  }

  /** Black or white, whichever reads better on a colour. */
  function ink(background) {
    const channel = (i) => parseInt(background.slice(1 + 2 * i, 3 + 2 * i), 16) / 255;
    const linear = [0, 1, 2].map(channel).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    return luminance > 0.18 ? '#111111' : '#ffffff';
  }

  function cellColor(color, spec, value, largest) {
    if (value === null) {
      return color.page;
    }
    // The square root keeps rare confusions visible beside a strong diagonal.
    const share = largest === 0 ? 0 : Math.sqrt(Math.abs(value) / largest);
    if (spec.diverging) {
      return mix(color['cell-zero'], value > 0 ? color.ema : color.online, share);
    }
    return mix(color['cell-low'], color['cell-high'], share);
  }

  function matrixTooltip(color, spec, row, column) {
    const value = spec.values[row][column];
    const count = spec.counts[row][column];
    const what = row === column ? 'right' : 'taken for ' + spec.classes[column];
    const share = value === null ? 'no samples'
        : spec.diverging ? signed(value, 2) + ' points' : value.toFixed(2) + ' %';
    const samples = (spec.diverging ? signed(count, 0) : count.toLocaleString('en'))
        + (Math.abs(count) === 1 ? ' sample' : ' samples');
    return `${escape(spec.classes[row])}, ${escape(what)}<br><b>${share}</b> <span style="color:${color.muted}">${samples}</span>`;
  }

  function matrix(color, spec, width) {
    const size = spec.classes.length;
    const largest = Math.max(...spec.values.flat().map((v) => Math.abs(v ?? 0)));
    const cells = spec.values.flatMap((row, i) => row.map((value, j) => {
      const fill = cellColor(color, spec, value, largest);
      return { value: [j, i, value], itemStyle: { color: fill, borderColor: color.page, borderWidth: 1 }, label: { color: ink(fill) } };
    }));
    const small = width < 380;
    const text = (value) => (value === null ? '' : spec.diverging ? signed(value, 0).replace(/^[+−]?0$/, '') : value.toFixed(0).replace(/^0$/, ''));
    const category = { type: 'category', data: spec.classes, splitLine: { show: false }, axisLine: { show: false } };
    const label = { color: color.muted, fontSize: small ? 10 : 11, interval: size > 20 ? 'auto' : 0, width: 72, overflow: 'truncate' };
    return {
      ...base(color),
      grid: { left: 22, right: 4, top: 6, bottom: 22, containLabel: true },
      tooltip: { ...base(color).tooltip, formatter: (item) => matrixTooltip(color, spec, item.data.value[1], item.data.value[0]) },
      xAxis: axis(color, 'Predicted class', { ...category, nameLocation: 'middle', nameGap: small ? 62 : 66, axisLabel: { ...label, rotate: 90 } }),
      yAxis: axis(color, 'True class', { ...category, inverse: true, nameLocation: 'middle', nameGap: small ? 60 : 64, axisLabel: label }),
      series: [{
        type: 'heatmap',
        data: cells,
        label: { show: size <= 12, fontSize: small ? 9.5 : 11, formatter: (item) => text(item.data.value[2]) },
        emphasis: { itemStyle: { borderColor: color.text, borderWidth: 2 } },
      }],
    };
  }

  /** Returns the next larger of 1, 2 and 5 times a power of ten. */
  function niceStep(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].find((factor) => factor * power >= value * 0.999) * power;
  }

  function differences(color, spec) {
    const lowest = Math.min(0, spec.low, ...spec.values);
    const highest = Math.max(0, spec.high, ...spec.values);
    const step = niceStep((highest - lowest || 1) / 4);
    return {
      ...base(color),
      grid: { left: 8, right: 16, top: 36, bottom: 30, containLabel: true },
      tooltip: { ...base(color).tooltip, formatter: (item) => (item.componentType === 'series' ? `Seed ${escape(item.data[0])}: <b>${signed(item.data[1], 2)}</b> points` : '') },
      xAxis: axis(color, 'Seed', { type: 'category', data: spec.seeds.map(String), nameLocation: 'middle', nameGap: 30, splitLine: { show: false }, axisLine: { show: false } }),
      yAxis: axis(color, 'EMA minus online (percentage points)', {
        type: 'value',
        min: Math.floor(lowest / step) * step,
        max: (lowest === highest ? 1 : Math.ceil(highest / step)) * step,
        interval: step,
        nameGap: 14,
        nameTextStyle: { color: color.muted, fontSize: 12, align: 'left', padding: [0, 0, 0, -4] },
        axisLine: { show: false },
        axisLabel: { color: color.muted, fontSize: 12, formatter: number },
      }),
      series: [{
        type: 'scatter',
        symbolSize: 11,
        data: spec.seeds.map((seed, i) => [String(seed), spec.values[i]]),
        itemStyle: { color: color.text },
        markArea: { silent: true, itemStyle: { color: color.ema, opacity: 0.16 }, data: [[{ yAxis: spec.low }, { yAxis: spec.high }]] },
        markLine: {
          symbol: 'none',
          silent: true,
          data: [
            { yAxis: 0, lineStyle: { color: color.muted, type: 'solid', width: 1.5 }, label: { show: false } },
            { yAxis: spec.mean, lineStyle: { color: color.ema, type: 'solid', width: 2 }, label: { position: 'insideStartTop', formatter: 'mean ' + signed(spec.mean, 2), color: color.text, fontSize: 12 } },
          ],
        },
      }],
    };
  }

  const kinds = { lines, matrix, differences };

  /** Draws a chart in the theme's colours, at its size; what the legend hides stays hidden. */
  function draw(id) {
    const chart = charts.get(id);
    chart.setOption(kinds[specs[id].kind](palette(), specs[id], chart.getWidth()));
  }

  function drawAll() {
    charts.forEach((_, id) => draw(id));
  }

  for (const id of Object.keys(specs)) {
    const element = document.getElementById(id);
    const label = element.getAttribute('aria-label');
    charts.set(id, echarts.init(element, null, { renderer: 'svg' }));
    // The reset tool goes back to the first drawing, whose colours may be of the other theme.
    charts.get(id).on('restore', () => setTimeout(() => draw(id)));
    draw(id);
    element.setAttribute('aria-label', label);
  }

  const resized = new ResizeObserver((entries) => {
    if (onPaper()) {
      return;
    }
    for (const entry of entries) {
      const chart = charts.get(entry.target.id);
      if (entry.target.clientWidth > 0 && entry.target.clientWidth !== chart.getWidth()) {
        chart.resize();
        draw(entry.target.id);
      }
    }
  });
  charts.forEach((chart) => resized.observe(chart.getDom()));

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);

  // Paper is light, and its layout is not known to scripts, so charts take a fixed size.
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.theme = 'light';
    charts.forEach((chart, id) => {
      const [width, height] = specs[id].kind === 'matrix' ? PAPER.matrix : PAPER.chart;
      chart.resize({ width, height });
      draw(id);
    });
    document.querySelectorAll('details').forEach((details) => {
      details.dataset.open = details.open;
      details.open = true;
    });
  });
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset.theme;
    charts.forEach((chart, id) => {
      chart.resize({ width: 'auto', height: 'auto' });
      draw(id);
    });
    document.querySelectorAll('details').forEach((details) => {
      details.open = details.dataset.open === 'true';
    });
  });
})();
