def confusion_figure(c, names):
    import matplotlib; matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    f=plt.figure(); plt.imshow(c); return f
